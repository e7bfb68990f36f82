/*
 * ws.c: see ws.h.
 *
 * libwebsockets owns the sockets and TLS (tls.c says how) as raw connections: polling,
 * partial writes, orderly closing. The handshake and the frames are our own
 * (httphead.c, handshake.c, wsframe.c, receive.c), because three promises cannot be kept
 * with the server side of 4.1.6:
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

#include "admit.h"
#include "clock.h"
#include "exchange.h"
#include "flow.h"
#include "log.h"
#include "loop.h"
#include "receive.h"
#include "session.h"
#include "stats.h"
#include "tls.h"

#include <libwebsockets.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define LWS_PATIENCE_S 3600       /* the deadlines are ours, see janitor.c */
#define RECEIVE_BYTES (64 * 1024) /* one read; shared by all connections */

static struct lws_context *context;
static struct lws_vhost *vhost;
static Gateway *gateway;
static Joiner joiner;

/* ------------------------------------------------------------------ writing */

/* Of the peer of the socket, which may be a proxy: "" when it cannot be had. */
static void
peer_address(int fd, Conn *conn)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	char text[NI_MAXHOST];
	Address address;

	if (getpeername(fd, (struct sockaddr *) &peer, &len) == 0 &&
		getnameinfo((struct sockaddr *) &peer, len, text, sizeof(text), NULL, 0,
					NI_NUMERICHOST) == 0 &&
		address_parse(text, strlen(text), &address))
		address_format(&address, conn->peer);
	memcpy(conn->address, conn->peer, sizeof(conn->address));
}

/*
 * The kernel keeps little unsent for a client, not the megabytes that it would: what a
 * slow one has waiting is ours to count. What is on its way does not count.
 */
static void
limit_unsent(int fd)
{
	int bytes = (int) (gateway->config.outbox_max / 4);

	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes));
}

/* The next request on the socket, which may have come already. */
static void
succeed(Conn *conn)
{
	struct lws *wsi = conn->socket;
	Conn *next = conn_succeed(conn);

	peer_address(lws_get_socket_fd(wsi), next);
	lws_set_opaque_user_data(wsi, next);
	lws_rx_flow_control(wsi, 1);
	if (!admit_socket(next))
		conn_doom(next);
	else if (next->in.len > 0)
		receive_bytes(gateway, next, NULL, 0);
}

/* Everything is out: a connection that was only waiting for that ends. */
static void
on_drained(Conn *conn)
{
	if (conn->state == CONN_CLOSING && conn->peer_closed && conn->exchange == NULL)
		conn_doom(conn);
	else if (conn->state == CONN_HTTP && conn->keep_alive)
		succeed(conn);
	else if (conn->state == CONN_HTTP || (conn->state == CONN_CLOSING && conn->exchange))
	{
		tls_say_goodbye(lws_get_ssl(conn->socket));
		shutdown(lws_get_socket_fd(conn->socket), SHUT_WR); /* its EOF ends us */
	}
}

/* Writes until the outbox is empty or the socket is full. */
static void
write_out(Conn *conn)
{
	const char *bytes;
	size_t len;

	if (!exchange_may_write(conn))
		return;
	if (conn->framing == FRAMING_SSE)
		conn->heard_at = clock_now_ms(); /* nobody is heard: what is said counts */
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
			flow_changed(conn);
			return;
		}
	}
	flow_drained(conn);
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
	if (conn->state == CONN_HTTP)
		conn->since = clock_now_ms(); /* a slow client is no dead one */
	if (conn->state != CONN_DEAD)
		write_out(conn);
}

/*
 * Ends the socket without ceremony; from the reaper only. An end behind bytes that
 * nobody takes would not arrive, and who reads again one day would wait for ever.
 */
static void
kill_socket(Conn *conn)
{
	struct linger reset = {.l_onoff = 1, .l_linger = 0};

	if (conn->abandoned)
		setsockopt(lws_get_socket_fd(conn->socket), SOL_SOCKET, SO_LINGER, &reset,
				   sizeof(reset));
	lws_set_timeout(conn->socket, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
	conn->socket = NULL;
}

/* What was written and is not acknowledged. */
static int64_t
unsent(const Conn *conn)
{
	int bytes = 0;

	return ioctl(lws_get_socket_fd(conn->socket), SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}

/* The connection will be freed. */
static void
on_gone(Conn *conn)
{
	session_end(gateway, conn);
	exchange_free(conn);
}

const ConnOps ws_ops = {write_out, kill_socket, on_gone, unsent, exchange_replied};

/* ------------------------------------------------------------ libwebsockets */

/* Unpacks and delegates; nothing below it frees a connection. */
static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		 size_t len)
{
	Conn *conn;

	switch (reason)
	{
		case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
			tls_serve(user);
			break;
		case LWS_CALLBACK_RAW_RX:
			conn = lws_get_opaque_user_data(wsi);
			/* it sets one when a handshake ends, and forgets it */
			if (lws_get_ssl(wsi) != NULL)
				lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
			if (conn != NULL)
				receive_bytes(gateway, conn, in, len);
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

void
ws_pause_reading(Conn *conn)
{
	lws_rx_flow_control(conn->socket, 0);
}

void
ws_accept_key(const char *key, char out[WS_ACCEPT_SIZE])
{
	Buf text = {0};
	unsigned char hash[20];

	buf_printf(&text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	lws_SHA1((unsigned char *) text.data, text.len, hash);
	lws_b64_encode_string((const char *) hash, sizeof(hash), out, WS_ACCEPT_SIZE);
	buf_free(&text);
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
		.timeout_secs = LWS_PATIENCE_S,
		.vhost_name = "wrk",
	};

	gateway = owner;
	if (tls_is_wanted(&owner->config))
		info.options |=
			LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
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

/* For clients, or for those who look after the gateway, in plain text. */
static bool
accept_socket(Gateway *owner, int fd, bool internal)
{
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
	peer_address(fd, conn);
	if (!admit_socket(conn))
	{
		conn_doom(conn);
		return false;
	}
	limit_unsent(fd);
	description.opaque = conn;
	conn->internal = internal;
	if (tls_is_wanted(&owner->config) && !internal)
		description.type |= LWS_ADOPT_ALLOW_SSL;
	wsi = lws_adopt_descriptor_vhost_via_info(&description);
	if (wsi == NULL)
		conn_doom(conn); /* the descriptor was closed there */
	else
		conn->socket = wsi;
	return true;
}

bool
ws_accept(void *gateway_arg, int fd)
{
	return accept_socket(gateway_arg, fd, false);
}

bool
ws_accept_internal(void *gateway_arg, int fd)
{
	return accept_socket(gateway_arg, fd, true);
}
