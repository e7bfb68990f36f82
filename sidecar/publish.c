/*
 * publish.c: see publish.h.
 */
#include "publish.h"

#include <stdlib.h>
#include <string.h>

/* The event as the other subscribers get it. */
static Chunk *
lay_out_ephemeral(const Conn *conn, const char *channel, const char *type,
				  const char *data)
{
	Buf json = {0};
	Chunk *chunk;

	wire_open(&json, type, NULL, channel);
	buf_puts(&json, data);
	buf_puts(&json, ",\"sender_id\":");
	buf_json_string(&json, conn->user);
	buf_puts(&json, ",\"ephemeral\":true");
	wire_close(&json);
	chunk = chunk_from_json(CLASS_EPHEMERAL, &json, NULL);
	buf_free(&json);
	return chunk;
}

/* Checks the right and the size of that member (NULL: all), then hands it out. */
static void
publish(Conn *conn, const Request *request, const char *type, const char *data)
{
	const Sub *sub = request->channel ? hub_find_sub(conn, request->channel) : NULL;
	char *text;
	Chunk *chunk;

	if (sub == NULL || !sub->can_publish)
	{
		reply_error(conn, request->id, request->channel,
					sub ? &error_forbidden : &error_not_found,
					sub ? "may not publish here" : "not subscribed to this channel");
		return;
	}
	text = request_text(request, data);
	if (text != NULL && strlen(text) > EPHEMERAL_MAX)
		reply_error(conn, request->id, request->channel, &error_too_large,
					"too large for an ephemeral event");
	else
	{
		chunk = lay_out_ephemeral(conn, sub->channel->name, type, text ? text : "{}");
		fanout_publish(sub->channel, chunk, conn);
		chunk_unref(chunk);
		reply_empty(conn, request->id, "result");
	}
	free(text);
}

void
publish_request(Gateway *gateway, Conn *conn, const Request *request)
{
	const char *type = request_string(request, "type");

	(void) gateway;
	if (type == NULL || !wire_is_ephemeral_type(type))
		reply_error(conn, request->id, request->channel, &error_bad_request,
					"an ephemeral type is a-z, 0-9 and _, and no frame of the protocol");
	else
		publish(conn, request, type, "data");
}

void
publish_source_request(Gateway *gateway, Conn *conn, const Request *request)
{
	(void) gateway;
	publish(conn, request, request->type, NULL);
}
