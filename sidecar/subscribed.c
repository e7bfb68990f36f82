/*
 * subscribed.c: see subscribed.h.
 */
#include "subscribed.h"

#include "eventrow.h"
#include "present.h"

#include <stdlib.h>

/* The replayed events that the client wants as a JSON array. */
static void
append_events(Buf *out, const PgAnswer *answer, const Pending *pending)
{
	bool first = true;

	buf_puts(out, "[");
	for (int row = 0; answer != NULL && row < answer->nrows; row++)
	{
		Event event;

		row_to_event(answer, row, &event);
		if (!type_filter_passes(pending->filter, event.type))
			continue;
		if (!first)
			buf_puts(out, ",");
		first = false;
		event_append_json(out, &event, pending->channel);
	}
	buf_puts(out, "]");
}

/* What acknowledging the replayed events says; NULL when that is nothing. */
static Receipt *
make_receipt(const PgAnswer *answer, const Pending *pending)
{
	Receipt *receipt = NULL;

	for (int row = 0; answer != NULL && row < answer->nrows; row++)
	{
		Event event;
		const char *method;
		char *id;

		row_to_event(answer, row, &event);
		method = receipt_method(event.type);
		if (method == NULL || !type_filter_passes(pending->filter, event.type))
			continue;
		id = receipt_id(event.payload, event.payload_len);
		if (id != NULL)
			receipt_add(&receipt, pending->channel, method, id,
						event.sender_id ? event.sender_id : "");
		free(id);
	}
	return receipt;
}

void
subscribed_send(Pending *pending, Sub *sub, const PgAnswer *events, bool recovered)
{
	Buf json = {0};

	present_enter(pending, sub);
	wire_open(&json, "subscribed", pending->id, pending->channel);
	buf_puts(&json, "{\"as\":");
	buf_json_string(&json, pending->as);
	buf_puts(&json, ",\"position\":");
	buf_json_string(&json, pending->position);
	buf_printf(&json,
			   ",\"recovered\":%s,\"can\":%s,\"events\":", recovered ? "true" : "false",
			   pending->rights);
	append_events(&json, events, pending);
	if (pending->filter != NULL)
		buf_printf(&json, ",\"types\":%s", pending->filter->text);
	present_append(pending, &json);
	buf_puts(&json, "}");
	wire_close(&json);
	conn_send_events(pending->conn, &json, make_receipt(events, pending));
	present_sync(pending);
	buf_free(&json);
}
