/*
 * doorbell.c
 *	  Tells listeners that events were committed: NOTIFY wrk_event, empty.
 */
#include "doorbell.h"

#include "commands/async.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(wrk_doorbell_mode);

void
doorbell_init(void)
{
}

void
doorbell_mark(void)
{
	Async_Notify("wrk_event", "");
}

void
doorbell_ring_now(void)
{
}

Datum
wrk_doorbell_mode(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text("transaction"));
}
