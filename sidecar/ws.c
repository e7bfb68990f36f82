/*
 * ws.c: see ws.h.
 *
 * libwebsockets owns the sockets (and, later, TLS) as raw connections: polling,
 * partial writes, orderly closing. The handshake and the frames are our own
 * (httphead.c, wsframe.c), because three promises cannot be kept with the
 * server side of 4.1.6:
 *  - a token in Sec-WebSocket-Protocol: it fails an upgrade whose list of
 *    sub-protocols is longer than 128 bytes;
 *  - accept every upgrade, then close with a code that the browser shows: it
 *    refuses sub-protocols it does not know with an HTTP error;
 *  - RFC 6455 5.1: it takes frames without a mask.
 * It also saves its frame parser's buffers, about 1 KB a connection.
 *
 * What must stay true: bytes leave through write_out() only. When the socket is
 * full, libwebsockets keeps the rest of that one write, `blocked` is set, and
 * nothing more is handed to it until it calls back. Reading stops meanwhile.
 */
#include "ws.h"

#include "clock.h"
#include "http.h"
#include "httphead.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "origins.h"
#include "session.h"
#include "stats.h"
#include "wsframe.h"

#include <libwebsockets.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RECEIVE_BYTES (64 * 1024) /* one read; shared by all connections */
#define SUBPROTOCOL "wrk.v1"
#define BEARER "wrk.bearer."
#define STRANGER_MAX HTTP_HEAD_MAX /* bytes of a message before anybody is known */

static struct lws_context *context;
static struct lws_vhost *vhost;
static Gateway *gateway;
static Joiner joiner;

/* ------------------------------------------------------------------ writing */

/* Everything is out: a connection that was only waiting for that ends. */
static void
on_drained(Conn *conn)
{
	if (conn->state == CONN_CLOSING && conn->peer_closed)
		conn_doom(conn);
	else if (conn->state == CONN_HTTP)
		shutdown(lws_get_socket_fd(conn->socket), SHUT_WR); /* its EOF ends us */
}

/* Writes until the outbox is empty or the socket is full. */
static void
write_out(Conn *conn)
{
	const char *bytes;
	size_t len;

	while (conn->socket != NULL &&
		   (bytes = outbox_next_write(&conn->out, &joiner, &len)) != NULL)
	{
		/* raw connections: the bytes go out as they are and are not changed */
		if (lws_write(conn->socket, (unsigned char *) (uintptr_t) bytes, len,
					  LWS_WRITE_RAW) < 0)
		{
			conn_doom(conn);
			return;
		}
		stats.writes_total++;
		stats.bytes_out_total += (int64_t) len;
		outbox_consume(&conn->out, len);
		if (lws_partial_buffered(conn->socket))
		{
			stats.writes_partial_total++;
			conn->blocked = true;
			lws_rx_flow_control(conn->socket, 0);
			return;
		}
	}
	on_drained(conn);
}

/* lws has sent what it kept: go on. */
static void
on_writeable(Conn *conn)
{
	if (conn->blocked)
	{
		conn->blocked = false;
		lws_rx_flow_control(conn->socket, 1);
	}
	if (conn->state != CONN_DEAD)
		write_out(conn);
}

/* Ends the socket without ceremony; from the reaper only. */
static void
kill_socket(Conn *conn)
{
	lws_set_timeout(conn->socket, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
	conn->socket = NULL;
}

/* The connection will be freed. */
static void
on_gone(Conn *conn)
{
	session_end(gateway, conn);
}

const ConnOps ws_ops = {write_out, kill_socket, on_gone};

/* Of the peer of the socket, which may be a proxy: "" when it cannot be had. */
static void
peer_address(int fd, char out[ADDRESS_TEXT_MAX])
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	char text[NI_MAXHOST];
	Address address;

	if (getpeername(fd, (struct sockaddr *) &peer, &len) == 0 &&
		getnameinfo((struct sockaddr *) &peer, len, text, sizeof(text), NULL, 0,
					NI_NUMERICHOST) == 0 &&
		address_parse(text, strlen(text), &address))
		address_format(&address, out);
}

/* ---------------------------------------------------------------- handshake */

/* What the client offers: our sub-protocol, a token, something else. */
typedef struct Offer
{
	bool ours;
	char *token;       /* malloc'd or NULL */
	const char *other; /* first sub-protocol that is neither */
	size_t other_len;
} Offer;

/* Reads the sub-protocols that the client offers. */
static void
read_offer(const HttpHead *head, Offer *offer)
{
	HttpListState state = {0, NULL};
	const char *item;
	size_t len;

	*offer = (Offer){0};
	while (http_list_next(head, "Sec-WebSocket-Protocol", &state, &item, &len))
	{
		if (len == strlen(SUBPROTOCOL) && memcmp(item, SUBPROTOCOL, len) == 0)
			offer->ours = true;
		else if (len > strlen(BEARER) && memcmp(item, BEARER, strlen(BEARER)) == 0)
		{
			free(offer->token);
			offer->token = base64url_decode(item + strlen(BEARER), len - strlen(BEARER));
		}
		else if (offer->other == NULL)
		{
			offer->other = item;
			offer->other_len = len;
		}
	}
}

/* Sec-WebSocket-Accept of RFC 6455, section 4.2.2. */
static void
append_accept(Buf *out, const char *key)
{
	Buf text = {0};
	unsigned char hash[20];
	char encoded[32];

	buf_printf(&text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	lws_SHA1((unsigned char *) text.data, text.len, hash);
	lws_b64_encode_string((const char *) hash, sizeof(hash), encoded, sizeof(encoded));
	buf_puts(out, encoded);
	buf_free(&text);
}

/* A browser fails the connection unless one of its sub-protocols comes back. */
static void
send_upgrade(Conn *conn, const char *key, const Offer *offer)
{
	Buf out = {0};

	buf_puts(&out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				   "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
	append_accept(&out, key);
	if (offer->ours)
		buf_puts(&out, "\r\nSec-WebSocket-Protocol: " SUBPROTOCOL);
	else if (offer->other != NULL)
	{
		buf_puts(&out, "\r\nSec-WebSocket-Protocol: ");
		buf_append(&out, offer->other, offer->other_len);
	}
	buf_puts(&out, "\r\n\r\n");
	conn_send_raw(conn, &out);
	buf_free(&out);
}

/* A page of somebody else's. The code is what a browser can show. */
static void
refuse_origin(Conn *conn, const HttpHead *head)
{
	stats.origins_refused_total++;
	log_info("origin refused", "address=%s origin=%s", conn_address(conn),
			 log_quote(http_header(head, "Origin")));
	conn_close_after_flush(conn, 4503, "origin");
}

/* Turns the connection into a WebSocket, whatever its client speaks. */
static void
upgrade(Conn *conn, const HttpHead *head)
{
	const char *key = http_header(head, "Sec-WebSocket-Key");
	const char *version = http_header(head, "Sec-WebSocket-Version");
	Offer offer;

	if (strcmp(head->method, "GET") != 0 || key == NULL || strlen(key) != 24 ||
		!http_header_has(head, "Connection", "Upgrade"))
	{
		http_refuse(conn, 400, "");
		return;
	}
	if (version == NULL || strcmp(version, "13") != 0)
	{
		http_refuse(conn, 426, "Sec-WebSocket-Version: 13\r\n");
		return;
	}
	read_offer(head, &offer);
	send_upgrade(conn, key, &offer);
	conn_set_state(conn, CONN_OPEN);
	if (!offer.ours && offer.other != NULL)
		conn_close_after_flush(conn, 4505, "unsupported protocol version");
	else if (!origin_allowed(gateway->config.origins, http_header(head, "Origin")))
		refuse_origin(conn, head);
	else if (gateway->draining)
		conn_close_after_flush(conn, 1012, "restarting");
	else
		session_begin(gateway, conn, offer.token);
	free(offer.token);
}

/* Collects the request head; true when it is complete and served. */
static bool
receive_head(Conn *conn, const unsigned char *bytes, size_t len)
{
	HttpHead head;
	size_t used = 0;

	buf_append(&conn->in, bytes, len);
	switch (http_head_parse(conn->in.data, conn->in.len, &head, &used))
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
				upgrade(conn, &head);
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
receive_message(Conn *conn, WsOpcode opcode, const unsigned char *text, size_t len)
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
message_max(const Conn *conn)
{
	size_t max = (size_t) gateway->config.frame_max;

	return conn->tenant == NULL && max > STRANGER_MAX ? STRANGER_MAX : max;
}

/* A data frame: a whole message, or a part of one. */
static void
receive_data(Conn *conn, const WsFrame *frame)
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
		receive_message(conn, frame->opcode, frame->payload, frame->len);
		return;
	}
	if (conn->message.len + frame->len > message_max(conn))
	{
		conn_close(conn, 1009, "message too big");
		return;
	}
	if (first)
		conn->fragment_opcode = (uint8_t) frame->opcode;
	buf_append(&conn->message, frame->payload, frame->len);
	if (!frame->fin)
		return;
	receive_message(conn, (WsOpcode) conn->fragment_opcode,
					(const unsigned char *) conn->message.data, conn->message.len);
	conn->fragment_opcode = 0;
	buf_free(&conn->message);
}

/* Answers a ping, at the rate that frames may have. */
static void
receive_ping(Conn *conn, const WsFrame *frame)
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
receive_frame(Conn *conn, const WsFrame *frame)
{
	if (frame->opcode == WS_CLOSE)
		conn_peer_closed(conn, wsframe_close_code(frame));
	else if (conn->state == CONN_CLOSING)
		return;
	else if (frame->opcode == WS_PING)
		receive_ping(conn, frame);
	else if (frame->opcode != WS_PONG)
		receive_data(conn, frame);
}

/* Takes whole frames off the front; returns how many bytes they were. */
static size_t
receive_frames(Conn *conn, unsigned char *bytes, size_t len)
{
	size_t done = 0;

	while (conn->state >= CONN_OPEN && conn->state <= CONN_CLOSING && !conn->peer_closed)
	{
		WsFrame frame;
		size_t used;
		WsParse result =
			wsframe_parse(bytes + done, len - done, message_max(conn), &frame, &used);

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
		receive_frame(conn, &frame);
		done += used;
	}
	return len;
}

/* Keeps what is left of the input; a connection with none owns no buffer. */
static void
receive_stream(Conn *conn, unsigned char *bytes, size_t len)
{
	size_t done;

	if (conn->in.len == 0)
	{
		done = receive_frames(conn, bytes, len);
		buf_append(&conn->in, bytes + done, len - done);
	}
	else
	{
		buf_append(&conn->in, bytes, len);
		done = receive_frames(conn, (unsigned char *) conn->in.data, conn->in.len);
		buf_consume(&conn->in, done);
	}
	if (conn->in.len == 0)
		buf_free(&conn->in);
}

/* Bytes from the socket, to whoever the state says. */
static void
receive(Conn *conn, unsigned char *bytes, size_t len)
{
	stats.bytes_in_total += (int64_t) len;
	conn->heard_at = clock_now_ms();
	conn->pings = 0;
	if (conn->state == CONN_HEAD)
	{
		if (!receive_head(conn, bytes, len))
			return;
		bytes = NULL;
		len = 0;
	}
	if (conn->state == CONN_HTTP || conn->state == CONN_DEAD)
		buf_free(&conn->in);
	else if (len > 0 || conn->in.len > 0)
		receive_stream(conn, bytes, len);
}

/* ------------------------------------------------------------ libwebsockets */

/* Unpacks and delegates; nothing below it frees a connection. */
static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		 size_t len)
{
	Conn *conn;

	(void) user;
	switch (reason)
	{
		case LWS_CALLBACK_RAW_RX:
			conn = lws_get_opaque_user_data(wsi);
			if (conn != NULL)
				receive(conn, in, len);
			break;
		case LWS_CALLBACK_RAW_WRITEABLE:
			conn = lws_get_opaque_user_data(wsi);
			if (conn != NULL)
				on_writeable(conn);
			break;
		case LWS_CALLBACK_RAW_CLOSE:
			conn = lws_get_opaque_user_data(wsi);
			if (conn == NULL)
				break;
			lws_set_opaque_user_data(wsi, NULL);
			conn->socket = NULL;
			conn_doom(conn);
			break;
		default:
			break;
	}
	return 0;
}

/* Their errors are our warnings: they are about single connections. */
static void
log_from_lws(int level, const char *line)
{
	log_line(level == LLL_ERR ? LOG_WARN : LOG_DEBUG, "libwebsockets", "text=%s",
			 log_quote(line));
}

bool
ws_init(Gateway *owner)
{
	static const struct lws_protocols protocols[] = {
		{.name = "wrk", .callback = callback, .tx_packet_size = 1 << 24},
		{NULL, NULL, 0, 0, 0, NULL, 0}};
	/* our own heartbeat; theirs keeps a sorted list of all connections */
	static const lws_retry_bo_t no_keepalive = {.secs_since_valid_hangup = 0};
	void *loops[1] = {loop_handle()};
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
				   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME |
				   LWS_SERVER_OPTION_NO_LWS_SYSTEM_STATES,
		.foreign_loops = loops,
		.pt_serv_buf_size = RECEIVE_BYTES,
		.retry_and_idle_policy = &no_keepalive,
		.vhost_name = "wrk",
	};

	gateway = owner;
	lws_set_log_level(LLL_ERR | LLL_WARN, log_from_lws);
	context = lws_create_context(&info);
	if (context == NULL)
	{
		log_error("libwebsockets cannot start", "hint=\"is libwebsockets-evlib-uv "
												"installed?\"");
		return false;
	}
	vhost = lws_create_vhost(context, &info);
	joiner_init(&joiner, (size_t) owner->config.write_max);
	return vhost != NULL;
}

void
ws_free(void)
{
	joiner_free(&joiner);
	lws_context_destroy(context);
	context = NULL;
}

bool
ws_accept(void *arg, int fd)
{
	Gateway *owner = arg;
	lws_adopt_desc_t description = {
		.vh = vhost, .type = LWS_ADOPT_SOCKET, .fd.sockfd = fd, .vh_prot_name = "wrk"};
	struct lws *wsi;
	Conn *conn;

	if (owner->table.count >= owner->config.max_connections)
	{
		stats.refused_total++;
		return false;
	}
	stats.accepted_total++;
	conn = conn_create(&owner->table, NULL);
	peer_address(fd, conn->address);
	description.opaque = conn;
	wsi = lws_adopt_descriptor_vhost_via_info(&description);
	if (wsi == NULL)
		conn_doom(conn); /* the descriptor was closed there */
	else
		conn->socket = wsi;
	return true;
}
