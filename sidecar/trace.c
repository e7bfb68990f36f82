/*
 * trace.c: see trace.h.
 */
#include "trace.h"

#include "clock.h"
#include "connlog.h"
#include "meter.h"

/* As the client is told it. */
static const char *
code_of(const PgAnswer *answer)
{
	if (answer->status == PG_ROWS)
		return "ok";
	return answer->status == PG_LOST ? error_unavailable.code
									 : errors_find(answer->sqlstate)->code;
}

void
trace_called(const Pending *pending, const PgAnswer *answer)
{
	const char *code = code_of(answer);

	meter_call(&meter, pending->text, code);
	if (pending->conn != NULL)
		conn_log(LOG_DEBUG, pending->conn, pending->id, "call", "method=%s code=%s ms=%d",
				 log_quote(pending->text), code, (int) (clock_now_ms() - pending->began));
}
