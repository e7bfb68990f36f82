/*
 * receive.c: see receive.h.
 */
#include "receive.h"

#include "admit.h"
#include "clock.h"
#include "deflate.h"
#include "delivery.h"
#include "handshake.h"
#include "http.h"
#include "httpbody.h"
#include "mem.h"
#include "session.h"
#include "stats.h"
#include "utf8.h"
#include "ws.h"
#include "wsframe.h"

#include <string.h>
#include <strings.h>

#define STRANGER_MAX HTTP_HEAD_MAX /* bytes of a message before anybody is known */
#define AHEAD_MAX (64 * 1024)      /* of requests that come before an answer is out */

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

/* May another request follow on this connection? */
static bool
wants_keep_alive(const Gateway *gateway, const HttpHead *head)
{
	if (gateway->draining || http_header_has(head, "Connection", "close"))
		return false;
	return head->minor > 0 || http_header_has(head, "Connection", "keep-alive");
}

/* The whole request is there: the connection's input is what follows it. */
static void
serve(Gateway *gateway, Conn *conn)
{
	HttpRequest *request = conn->request;

	conn->request = NULL;
	http_request(gateway, conn, &request->head, &request->body.data);
	http_request_free(request);
}

/* Takes what there is of the body. */
static void
receive_body(Gateway *gateway, Conn *conn)
{
	size_t used = 0;
	HttpBodyParse result =
		http_body_feed(&conn->request->body, conn->in.data, conn->in.len, &used);

	buf_consume(&conn->in, used);
	if (conn->in.len == 0)
		buf_free(&conn->in);
	if (result == HTTP_BODY_DONE)
		serve(gateway, conn);
	else if (result != HTTP_BODY_MORE)
		http_refuse(conn, result == HTTP_BODY_BROKEN ? 400 : 413, "");
}

/* A client that waits to be told to send its body; false when it expects else. */
static bool
meet_expectation(Conn *conn, const HttpRequest *request)
{
	static char words[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const char *expected = http_header(&request->head, "Expect");

	if (expected == NULL || request->head.minor == 0)
		return true;
	if (strcasecmp(expected, "100-continue") != 0)
		return false;
	if (request->body.state != BODY_DONE && conn->in.len == 0)
		conn_send_raw(conn, &(Buf){.data = words, .len = sizeof(words) - 1});
	return true;
}

/* A request that is no upgrade. */
static void
receive_request(Gateway *gateway, Conn *conn)
{
	HttpRequest *request = conn->request;
	bool has_body = request->body.state != BODY_DONE;
	LimitHit hit;

	if (!admit_newcomer(conn, &hit))
	{
		http_refuse(conn, 429, "Retry-After: 5\r\n");
		return;
	}
	conn->keep_alive = !has_body && wants_keep_alive(gateway, &request->head);
	if (!http_admit(gateway, conn, &request->head))
		return;
	conn->keep_alive = wants_keep_alive(gateway, &request->head);
	if (!meet_expectation(conn, request))
		http_refuse(conn, 417, "");
	else if (has_body)
		receive_body(gateway, conn);
	else
		serve(gateway, conn);
}

/* The head is there: what kind of client is this? */
static void
receive_head_done(Gateway *gateway, Conn *conn)
{
	HttpRequest *request = conn->request;
	int status = http_body_begin(&request->body, &request->head,
								 (size_t) gateway->config.frame_max);

	address_behind_proxies(&request->head, gateway->config.trusted_proxies, conn->peer,
						   conn->address);
	if (status != 0)
		http_refuse(conn, status, "");
	else if (conn->internal || !http_header_has(&request->head, "Upgrade", "websocket"))
	{
		receive_request(gateway, conn);
		return;
	}
	else if (request->body.state != BODY_DONE)
		http_refuse(conn, 400, "");
	else
		handshake_upgrade(gateway, conn, &request->head);
	conn->request = NULL;
	http_request_free(request);
}

/* The head's bytes stay with it, because it points into them; the rest is input. */
static void
keep_head(Conn *conn, const HttpHead *head, size_t used)
{
	HttpRequest *request = mem_zalloc(sizeof(HttpRequest));
	Buf rest = {0};

	buf_append(&rest, conn->in.data + used, conn->in.len - used);
	request->head = *head;
	request->bytes = conn->in;
	conn->in = rest;
	conn->request = request;
}

/* Collects the request head, then its body. */
static void
receive_http(Gateway *gateway, Conn *conn, const unsigned char *bytes, size_t len)
{
	HttpHead head;
	size_t used = 0;

	buf_append(&conn->in, bytes, len);
	if (conn->request != NULL)
	{
		receive_body(gateway, conn);
		return;
	}
	switch (parse_head(gateway, conn, &head, &used))
	{
		case HTTP_HEAD_MORE:
			break;
		case HTTP_HEAD_BROKEN:
			http_refuse(conn, 400, "");
			break;
		case HTTP_HEAD_TOO_LARGE:
			http_refuse(conn, 431, "");
			break;
		case HTTP_HEAD_DONE:
			keep_head(conn, &head, used);
			receive_head_done(gateway, conn);
			break;
	}
}

/* What comes before the answer is out is the next request, or of no interest. */
static void
receive_ahead(Conn *conn, const unsigned char *bytes, size_t len)
{
	if (!conn->keep_alive || conn->framing == FRAMING_SSE)
	{
		buf_free(&conn->in);
		return;
	}
	buf_append(&conn->in, bytes, len);
	if (conn->in.len > AHEAD_MAX && conn->socket != NULL)
		ws_pause_reading(conn);
}

/* ------------------------------------------------------------------- frames */

/* Only who is somebody may make us parse much. */
static size_t
message_max(const Gateway *gateway, const Conn *conn)
{
	size_t max = (size_t) gateway->config.frame_max;

	return conn->tenant == NULL && max > STRANGER_MAX ? STRANGER_MAX : max;
}

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

/* The same, when its client has compressed it. */
static void
receive_compressed(Gateway *gateway, Conn *conn, WsOpcode opcode,
				   const unsigned char *bytes, size_t len)
{
	Buf text = {0};
	Inflate result = deflate_inflate(&text, bytes, len, message_max(gateway, conn));

	if (result == INFLATE_DONE)
		receive_message(gateway, conn, opcode,
						(const unsigned char *) (text.len > 0 ? text.data : ""),
						text.len);
	else
	{
		stats.protocol_errors_total++;
		conn_close(conn, result == INFLATE_TOO_LARGE ? 1009 : 1002,
				   result == INFLATE_TOO_LARGE ? "message too big"
											   : "broken compression");
	}
	buf_free(&text);
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
		(frame->compressed ? receive_compressed : receive_message)(
			gateway, conn, frame->opcode, frame->payload, frame->len);
		return;
	}
	if (conn->message.len + frame->len > message_max(gateway, conn))
	{
		conn_close(conn, 1009, "message too big");
		return;
	}
	if (first)
	{
		conn->fragment_opcode = (uint8_t) frame->opcode;
		conn->fragment_deflated = frame->compressed;
	}
	buf_append(&conn->message, frame->payload, frame->len);
	if (!frame->fin)
		return;
	(conn->fragment_deflated ? receive_compressed : receive_message)(
		gateway, conn, (WsOpcode) conn->fragment_opcode,
		(const unsigned char *) (conn->message.len > 0 ? conn->message.data : ""),
		conn->message.len);
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
	else if (frame->opcode == WS_PONG)
		delivery_pong(gateway->delivery, conn, frame->payload, frame->len);
	else
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
		WsParse result =
			wsframe_parse(bytes + done, len - done, message_max(gateway, conn),
						  conn->framing == FRAMING_DEFLATE, &frame, &used);

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
	if (conn->state == CONN_DEAD)
		return;
	if (conn->state != CONN_HEAD && !conn_is_websocket(conn))
	{
		receive_ahead(conn, bytes, len);
		return;
	}
	conn->heard_at = clock_now_ms();
	conn->pings = 0;
	if (conn->state == CONN_HEAD)
	{
		receive_http(gateway, conn, bytes, len);
		len = 0;
	}
	if (conn_is_websocket(conn) && (len > 0 || conn->in.len > 0))
		receive_stream(gateway, conn, bytes, len);
	else if (conn->state == CONN_HTTP && !conn->keep_alive)
		buf_free(&conn->in);
}
