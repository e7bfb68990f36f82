/*
 * receive.c: see receive.h.
 */
#include "receive.h"

#include "admit.h"
#include "clock.h"
#include "handshake.h"
#include "http.h"
#include "httphead.h"
#include "session.h"
#include "stats.h"
#include "wsframe.h"

#define STRANGER_MAX HTTP_HEAD_MAX /* bytes of a message before anybody is known */

/* --------------------------------------------------------------------- HTTP */

/* A head is refused as too large however much of it has come. */
static HttpParse
parse_head(const Gateway *gateway, Conn *conn, HttpHead *head, size_t *used)
{
	HttpParse parsed = http_head_parse(conn->in.data, conn->in.len, head, used);
	size_t most = (size_t) gateway->config.header_max;

	if (parsed == HTTP_HEAD_MORE ? conn->in.len >= most : *used > most)
		return HTTP_HEAD_TOO_LARGE;
	return parsed;
}

/* Collects the request head; true when it is complete and served. */
static bool
receive_head(Gateway *gateway, Conn *conn, const unsigned char *bytes, size_t len)
{
	HttpHead head;
	LimitHit hit;
	size_t used = 0;

	buf_append(&conn->in, bytes, len);
	switch (parse_head(gateway, conn, &head, &used))
	{
		case HTTP_HEAD_MORE:
			return false;
		case HTTP_HEAD_BROKEN:
			http_refuse(conn, 400, "");
			break;
		case HTTP_HEAD_TOO_LARGE:
			http_refuse(conn, 431, "");
			break;
		case HTTP_HEAD_DONE:
			address_behind_proxies(&head, gateway->config.trusted_proxies, conn->address);
			if (http_header_has(&head, "Upgrade", "websocket"))
				handshake_upgrade(gateway, conn, &head);
			else if (!admit_newcomer(conn, &hit))
				http_refuse(conn, 429, "Retry-After: 5\r\n");
			else
				http_request(gateway, conn, &head);
			break;
	}
	buf_consume(&conn->in, used);
	return true;
}

/* ------------------------------------------------------------------- frames */

/* A whole message: only text makes sense. */
static void
receive_message(Gateway *gateway, Conn *conn, WsOpcode opcode, const unsigned char *text,
				size_t len)
{
	if (opcode == WS_BINARY)
		conn_close(conn, 4400, "text frames only");
	else if (!utf8_is_valid(text, len))
		conn_close(conn, 4400, "not UTF-8");
	else
		session_frame(gateway, conn, (const char *) text, len);
}

/* Only who is somebody may make us parse much. */
static size_t
message_max(const Gateway *gateway, const Conn *conn)
{
	size_t max = (size_t) gateway->config.frame_max;

	return conn->tenant == NULL && max > STRANGER_MAX ? STRANGER_MAX : max;
}

/* A data frame: a whole message, or a part of one. */
static void
receive_data(Gateway *gateway, Conn *conn, const WsFrame *frame)
{
	bool first = frame->opcode != WS_CONTINUATION;

	if (first == (conn->fragment_opcode != 0))
	{
		stats.protocol_errors_total++;
		conn_close(conn, 1002, "unexpected continuation");
		return;
	}
	if (first && frame->fin)
	{
		receive_message(gateway, conn, frame->opcode, frame->payload, frame->len);
		return;
	}
	if (conn->message.len + frame->len > message_max(gateway, conn))
	{
		conn_close(conn, 1009, "message too big");
		return;
	}
	if (first)
		conn->fragment_opcode = (uint8_t) frame->opcode;
	buf_append(&conn->message, frame->payload, frame->len);
	if (!frame->fin)
		return;
	receive_message(gateway, conn, (WsOpcode) conn->fragment_opcode,
					(const unsigned char *) conn->message.data, conn->message.len);
	conn->fragment_opcode = 0;
	buf_free(&conn->message);
}

/* Answers a ping, at the rate that frames may have. */
static void
receive_ping(const Gateway *gateway, Conn *conn, const WsFrame *frame)
{
	const Config *config = &gateway->config;
	Buf pong = {0};
	int64_t unused;

	if (!bucket_take(&conn->rate, config->rate_limit, config->rate_burst, clock_now_ms(),
					 &unused))
		return;
	wsframe_append(&pong, WS_PONG, frame->payload, frame->len);
	conn_send_raw(conn, &pong);
	buf_free(&pong);
}

/* One frame of any kind. */
static void
receive_frame(Gateway *gateway, Conn *conn, const WsFrame *frame)
{
	if (frame->opcode == WS_CLOSE)
		conn_peer_closed(conn, wsframe_close_code(frame));
	else if (conn->state == CONN_CLOSING)
		return;
	else if (frame->opcode == WS_PING)
		receive_ping(gateway, conn, frame);
	else if (frame->opcode != WS_PONG)
		receive_data(gateway, conn, frame);
}

/* Takes whole frames off the front; returns how many bytes they were. */
static size_t
receive_frames(Gateway *gateway, Conn *conn, unsigned char *bytes, size_t len)
{
	size_t done = 0;

	while (conn->state >= CONN_OPEN && conn->state <= CONN_CLOSING && !conn->peer_closed)
	{
		WsFrame frame;
		size_t used;
		WsParse result = wsframe_parse(bytes + done, len - done,
									   message_max(gateway, conn), &frame, &used);

		if (result == WS_NEED_MORE)
			return done;
		if (result != WS_FRAME)
		{
			stats.protocol_errors_total++;
			conn_close(conn, result == WS_BROKEN ? 1002 : 1009,
					   result == WS_BROKEN ? "broken frame" : "message too big");
			/* what follows cannot be told apart: it is not looked at any more */
			conn->peer_closed = true;
			return len;
		}
		receive_frame(gateway, conn, &frame);
		done += used;
	}
	return len;
}

/* Keeps what is left of the input; a connection with none owns no buffer. */
static void
receive_stream(Gateway *gateway, Conn *conn, unsigned char *bytes, size_t len)
{
	size_t done;

	if (conn->in.len == 0)
	{
		done = receive_frames(gateway, conn, bytes, len);
		buf_append(&conn->in, bytes + done, len - done);
	}
	else
	{
		buf_append(&conn->in, bytes, len);
		done =
			receive_frames(gateway, conn, (unsigned char *) conn->in.data, conn->in.len);
		buf_consume(&conn->in, done);
	}
	if (conn->in.len == 0)
		buf_free(&conn->in);
}

void
receive_bytes(Gateway *gateway, Conn *conn, unsigned char *bytes, size_t len)
{
	stats.bytes_in_total += (int64_t) len;
	conn->heard_at = clock_now_ms();
	conn->pings = 0;
	if (conn->state == CONN_HEAD)
	{
		if (!receive_head(gateway, conn, bytes, len))
			return;
		bytes = NULL;
		len = 0;
	}
	if (conn->state == CONN_HTTP || conn->state == CONN_DEAD)
		buf_free(&conn->in);
	else if (len > 0 || conn->in.len > 0)
		receive_stream(gateway, conn, bytes, len);
}
