/*
 * wsconn.c
 *	  One connection of the load client: handshake, then counting frames.
 *
 * All connections read into one large buffer.  What a read leaves unfinished,
 * a header and a few bytes as a rule, is carried over in the connection and put
 * in front of the next read.
 */
#define _GNU_SOURCE /* memmem */
#include "wsconn.h"
#include "util.h"
#include "wsframe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE (512 * 1024)
#define SEND_SIZE 16384

/* Payload bytes an unsampled connection looks at; more than any event_head. */
#define PEEK 48

/* Sources 127.0.0.2 to 127.0.0.9: eight times the ports of one address. */
#define SOURCE_ADDRESSES 8

static uint8_t read_buffer[READ_SIZE];


/* The only place a connection changes state. */
static void
conn_set_state(Conn *conn, ConnState state)
{
	conn->load->in_state[conn->state]--;
	conn->load->in_state[state]++;
	conn->state = state;
}

/* Say what to wait for on the socket. */
static void
conn_watch(Conn *conn, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = conn};

	if (epoll_ctl(conn->load->epoll_fd, operation, conn->fd, &event) != 0)
		fatal("epoll_ctl: %s", strerror(errno));
}

/* Begin to connect, from one of several source addresses. */
void
conn_open(Conn *conn)
{
	const int one = 1;
	struct sockaddr_in source = {.sin_family = AF_INET};

	source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + conn->index % SOURCE_ADDRESSES);
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (conn->fd < 0)
		fatal("socket: %s", strerror(errno));
	setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(conn->fd, (struct sockaddr *) &source, sizeof(source)) != 0)
		fatal("bind: %s", strerror(errno));
	if (connect(conn->fd, (const struct sockaddr *) &conn->load->server,
				sizeof(conn->load->server)) != 0 &&
		errno != EINPROGRESS)
		fatal("cannot connect: %s", strerror(errno));
	conn_set_state(conn, CONN_CONNECTING);
	conn_watch(conn, EPOLL_CTL_ADD, EPOLLOUT);
}

/* Close the socket, noting why. */
void
conn_close(Conn *conn, const char *why)
{
	if (conn->state == CONN_UNUSED || conn->state == CONN_CLOSED)
		return;
	snprintf(conn->load->last_close, sizeof(conn->load->last_close), "%s", why);
	close(conn->fd);
	conn->fd = -1;
	conn_set_state(conn, CONN_CLOSED);
}

/* Free what the connection owns, saying goodbye when it is open. */
void
conn_free(Conn *conn)
{
	static const uint8_t goodbye[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8}; /* 1000 */

	if (conn->state >= CONN_AUTHENTICATING && conn->state <= CONN_LIVE &&
		send(conn->fd, goodbye, sizeof(goodbye), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		conn_close(conn, "the server was gone at the end");
	conn_close(conn, "end of the run");
	free(conn->carry);
	conn->carry = NULL;
	seen_free(&conn->seen);
	conn->freed = true;
}

void
conn_renew(Conn *conn)
{
	conn->freed = false;
	conn->carry_length = 0;
	conn->carry_size = 0;
	conn->skip = 0;
	conn->frames = 0;
}

/* Send bytes that fit into an empty socket buffer. */
static void
conn_send(Conn *conn, const void *bytes, size_t length)
{
	ssize_t sent = send(conn->fd, bytes, length, MSG_NOSIGNAL);

	if (sent != (ssize_t) length)
		conn_close(conn, sent < 0 ? strerror(errno) : "the server does not read");
}

/* Send one masked frame. */
static void
conn_send_frame(Conn *conn, WsOpcode opcode, const void *payload, size_t length)
{
	uint8_t bytes[SEND_SIZE];
	size_t header = ws_header_build(bytes, opcode, true, length);

	if (header + length > sizeof(bytes))
		fatal("a frame of %zu bytes is too long to send", length);
	memcpy(bytes + header, payload, length);
	ws_mask(bytes + header, length, bytes + header - 4);
	conn_send(conn, bytes, header + length);
}

/* TCP is there: ask for WebSocket. */
static void
conn_send_upgrade(Conn *conn)
{
	char text[1024];
	int length =
		snprintf(text, sizeof(text),
				 "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
				 "Connection: Upgrade\r\nSec-WebSocket-Key: " WS_SAMPLE_KEY "\r\n"
				 "Sec-WebSocket-Version: 13\r\n"
				 "Sec-WebSocket-Protocol: wrk.v1\r\n\r\n",
				 conn->load->path, conn->load->host);

	conn_set_state(conn, CONN_UPGRADING);
	conn_watch(conn, EPOLL_CTL_MOD, EPOLLIN);
	conn_send(conn, text, (size_t) length);
}

/* Present the token. */
static void
conn_send_connect(Conn *conn)
{
	char text[SEND_SIZE / 2];
	int length = snprintf(text, sizeof(text),
						  "{\"type\":\"connect\",\"requestId\":\"1\",\"payload\":"
						  "{\"token\":\"%s\",\"client\":\"wsload\"}}",
						  conn->token);

	if (length >= (int) sizeof(text))
		fatal("a token of %zu bytes is too long", strlen(conn->token));
	conn_set_state(conn, CONN_AUTHENTICATING);
	conn_send_frame(conn, WS_TEXT, text, (size_t) length);
}

/* Ask for the channel; without one the connection is ready. */
static void
conn_send_subscribe(Conn *conn)
{
	char text[1024];
	int length;

	if (conn->channel_name == NULL)
	{
		conn_set_state(conn, CONN_LIVE);
		return;
	}
	length = snprintf(text, sizeof(text),
					  "{\"type\":\"subscribe\",\"requestId\":\"2\",\"channel\":\"%s\"}",
					  conn->channel_name);
	if (length >= (int) sizeof(text))
		fatal("channel name \"%.40s...\" is too long", conn->channel_name);
	conn_set_state(conn, CONN_SUBSCRIBING);
	conn_send_frame(conn, WS_TEXT, text, (size_t) length);
}

/* Does the text begin so? */
static bool
begins(const uint8_t *text, size_t length, const char *head, size_t head_length)
{
	return length >= head_length && memcmp(text, head, head_length) == 0;
}

/* begins() for a string constant */
#define BEGINS(text, length, head) begins(text, length, head, sizeof(head) - 1)

/* Does the text contain this? */
static bool
contains(const uint8_t *text, size_t length, const char *part)
{
	return memmem(text, length, part, strlen(part)) != NULL;
}

/*
 * Read the response to the upgrade request.  Returns the bytes used, 0 when the
 * response is not complete.
 */
static size_t
conn_take_upgrade(Conn *conn, const uint8_t *bytes, size_t length)
{
	const uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
	size_t used;

	if (end == NULL)
		return 0;
	used = (size_t) (end - bytes) + 4;
	if (!BEGINS(bytes, used, "HTTP/1.1 101 ") ||
		!contains(bytes, used, WS_SAMPLE_ACCEPT) || !contains(bytes, used, "wrk.v1"))
		fatal("the upgrade was refused: %.*s", (int) used, (const char *) bytes);
	conn_send_connect(conn);
	return used;
}

/* A text frame before the connection is live. */
static void
conn_take_setup(Conn *conn, const uint8_t *text, size_t length)
{
	if (BEGINS(text, length, "{\"type\":\"error\""))
		fatal("connection %u was refused: %.*s", conn->index, (int) length,
			  (const char *) text);
	if (conn->state == CONN_AUTHENTICATING && contains(text, length, "\"connected\"") &&
		contains(text, length, "\"requestId\":\"1\""))
		conn_send_subscribe(conn);
	else if (conn->state == CONN_SUBSCRIBING &&
			 contains(text, length, "\"subscribed\"") &&
			 contains(text, length, "\"requestId\":\"2\""))
		conn_set_state(conn, CONN_LIVE);
}

/* The number behind "name": in the text from *at on; moves *at behind it. */
static bool
next_number(const uint8_t **at, const uint8_t *end, const char *name, uint64_t *value)
{
	const uint8_t *p = memmem(*at, (size_t) (end - *at), name, strlen(name));

	if (p == NULL)
		return false;
	for (p += strlen(name); p < end && *p == ' '; p++)
		;
	for (*value = 0; p < end && *p >= '0' && *p <= '9'; p++)
		*value = *value * 10 + (uint64_t) (*p - '0');
	*at = p;
	return true;
}

/*
 * All of a text frame: one event, or a JSON array of several.  Each payload
 * holds "seq" and, behind it, "t_us".
 */
static void
conn_take_events(Conn *conn, const uint8_t *text, size_t length, uint64_t frame_bytes)
{
	const uint8_t *at = text;
	uint64_t seq;
	uint64_t sent_us;

	while (next_number(&at, text + length, "\"seq\":", &seq))
	{
		if (!next_number(&at, text + length, "\"t_us\":", &sent_us))
			fatal("an event has \"seq\" but no \"t_us\": %.*s", (int) length,
				  (const char *) text);
		conn->frames++;
		tally_event_frame(&conn->load->tally, frame_bytes);
		frame_bytes = 0;
		if (conn->sampled)
			tally_sampled(&conn->load->tally, &conn->seen, conn->channel, seq, sent_us);
	}
}

/* Other text frames of a live connection. */
static void
conn_take_notice(Conn *conn, const uint8_t *text, size_t length)
{
	static const char pong[] = "{\"type\":\"pong\"}";

	if (BEGINS(text, length, "{\"type\":\"ping\""))
		conn_send_frame(conn, WS_TEXT, pong, sizeof(pong) - 1);
	else if (BEGINS(text, length, "{\"type\":\"gap\""))
		conn->load->tally.gaps++;
}

/* A close frame: remember the code. */
static void
conn_take_close(Conn *conn, const uint8_t *payload, size_t length)
{
	char why[128] = "close without a code";

	if (length >= 2)
		snprintf(why, sizeof(why), "close %u %.*s",
				 (unsigned) (payload[0] << 8 | payload[1]),
				 (int) (length - 2 < 80 ? length - 2 : 80), (const char *) payload + 2);
	conn_close(conn, why);
}

/* One frame, of which `length` payload bytes are at hand. */
static void
conn_take_frame(Conn *conn, const WsHeader *header, const uint8_t *payload, size_t length,
				uint64_t frame_bytes)
{
	const Load *load = conn->load;

	if (header->opcode == WS_PING)
		conn_send_frame(conn, WS_PONG, payload, length);
	else if (header->opcode == WS_CLOSE)
		conn_take_close(conn, payload, length);
	else if (header->opcode != WS_TEXT || length == 0)
		return;
	else if (conn->state != CONN_LIVE)
		conn_take_setup(conn, payload, length);
	else if (length == header->payload_length && (conn->sampled || payload[0] == '['))
	{
		conn_take_events(conn, payload, length, frame_bytes);
		conn_take_notice(conn, payload, length);
	}
	else if (begins(payload, length, load->event_head, load->event_head_length))
	{
		conn->frames++;
		tally_event_frame(&conn->load->tally, frame_bytes);
	}
	else
		conn_take_notice(conn, payload, length);
}

/* How much of a frame's payload must be at hand before it can be taken. */
static uint64_t
payload_needed(const Conn *conn, const WsHeader *header, uint8_t first)
{
	if (conn->state != CONN_LIVE || conn->sampled || header->opcode != WS_TEXT ||
		first == '[' || header->payload_length < PEEK)
		return header->payload_length;
	return PEEK;
}

/* Walk over frames.  Returns the bytes used; the rest is an incomplete frame. */
static size_t
conn_walk(Conn *conn, const uint8_t *bytes, size_t length)
{
	size_t at = 0;

	while (at < length && conn->state != CONN_CLOSED)
	{
		WsHeader header;
		size_t header_size;
		uint64_t needed;

		if (conn->skip > 0)
		{
			size_t step = conn->skip < length - at ? (size_t) conn->skip : length - at;

			conn->skip -= step;
			at += step;
			continue;
		}
		header_size = ws_header_parse(bytes + at, length - at, &header);
		if (header_size == 0 || (header.payload_length > 0 && at + header_size == length))
			break;
		if (!header.final || header.masked || header.opcode == WS_CONTINUATION)
			fatal("connection %u got a fragmented or masked frame", conn->index);
		needed = payload_needed(conn, &header,
								header.payload_length > 0 ? bytes[at + header_size] : 0);
		if (header_size + needed > READ_SIZE / 2)
			fatal("connection %u got a frame of %llu bytes", conn->index,
				  (unsigned long long) header.payload_length);
		if (length - at - header_size < needed)
			break;
		conn_take_frame(conn, &header, bytes + at + header_size, (size_t) needed,
						header_size + header.payload_length);
		at += header_size + (size_t) needed;
		conn->skip = header.payload_length - needed;
	}
	return at;
}

/* Keep the bytes that wait for more. */
static void
conn_carry(Conn *conn, const uint8_t *bytes, size_t length)
{
	if (length > conn->carry_size)
	{
		conn->carry_size = length < 64 ? 64 : length * 2;
		conn->carry = xrealloc(conn->carry, conn->carry_size);
	}
	if (length > 0)
		memcpy(conn->carry, bytes, length);
	conn->carry_length = length;
}

/* Read once and take what came. */
static void
conn_read(Conn *conn)
{
	size_t length = conn->carry_length;
	size_t used = 0;
	ssize_t got;

	if (length > 0)
		memcpy(read_buffer, conn->carry, length);
	got = recv(conn->fd, read_buffer + length, READ_SIZE - length, 0);
	if (got <= 0)
	{
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			conn_close(conn, got == 0 ? "end of stream without close" : strerror(errno));
		return;
	}
	conn->load->tally.now_us = clock_real_us();
	length += (size_t) got;
	if (conn->state == CONN_UPGRADING)
		used = conn_take_upgrade(conn, read_buffer, length);
	if (conn->state > CONN_UPGRADING)
		used += conn_walk(conn, read_buffer + used, length - used);
	if (conn->state != CONN_CLOSED)
		conn_carry(conn, read_buffer + used, length - used);
}

/* The socket is ready, as epoll says. */
void
conn_ready(Conn *conn, uint32_t epoll_events)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (conn->state == CONN_CLOSED)
		return;
	if (conn->state != CONN_CONNECTING)
	{
		conn_read(conn);
		return;
	}
	if ((epoll_events & (EPOLLERR | EPOLLHUP)) != 0)
	{
		getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		fatal("cannot connect to %s: %s", conn->load->host, strerror(error));
	}
	conn_send_upgrade(conn);
}
