/*
 * conn.c: see conn.h.
 */
#include "conn.h"

#include "clock.h"
#include "connlog.h"
#include "flow.h"
#include "httpbody.h"
#include "mem.h"
#include "meter.h"
#include "stats.h"
#include "twin.h"
#include "wire.h"
#include "wsframe.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BIT(state) (1u << (state))

/* Where each state may go. */
static const unsigned legal_moves[] = {
	[CONN_HEAD] = BIT(CONN_HTTP) | BIT(CONN_OPEN) | BIT(CONN_DEAD),
	[CONN_HTTP] = BIT(CONN_DEAD),
	[CONN_OPEN] =
		BIT(CONN_AUTHENTICATING) | BIT(CONN_HTTP) | BIT(CONN_CLOSING) | BIT(CONN_DEAD),
	[CONN_AUTHENTICATING] = BIT(CONN_OPEN) | BIT(CONN_READY) | BIT(CONN_HTTP) |
							BIT(CONN_CLOSING) | BIT(CONN_DEAD),
	[CONN_READY] = BIT(CONN_HTTP) | BIT(CONN_CLOSING) | BIT(CONN_DEAD),
	[CONN_CLOSING] = BIT(CONN_HTTP) | BIT(CONN_DEAD),
	[CONN_DEAD] = 0,
};

/* As the log calls it. */
static const char *
conn_state_name(ConnState state)
{
	static const char *const names[] = {"head",  "http",    "open", "authenticating",
										"ready", "closing", "dead"};

	return names[state];
}

/* Does a connection in this state count as a client's session? */
static bool
is_session(ConnState state)
{
	return state >= CONN_OPEN && state <= CONN_CLOSING;
}

void
conn_set_state(Conn *conn, ConnState state)
{
	if ((legal_moves[conn->state] & BIT(state)) == 0)
	{
		log_error("illegal move of a connection", "from=%s to=%s",
				  conn_state_name(conn->state), conn_state_name(state));
		abort();
	}
	stats.connections += is_session(state) - is_session(conn->state);
	conn->state = state;
	conn->since = clock_now_ms();
	if ((state == CONN_HTTP || state >= CONN_CLOSING) && conn->table->leaves != NULL)
		conn->table->leaves(conn);
}

const char *
conn_address(const Conn *conn)
{
	return conn->address;
}

bool
conn_is_open(const Conn *conn)
{
	return conn->state >= CONN_OPEN && conn->state <= CONN_READY;
}

bool
conn_is_websocket(const Conn *conn)
{
	return is_session(conn->state) && conn->exchange == NULL;
}

void
conn_table_init(ConnTable *table, const Config *config, const ConnOps *ops)
{
	memset(table, 0, sizeof(*table));
	list_init(&table->all);
	list_init(&table->dirty);
	list_init(&table->doomed);
	table->config = config;
	table->ops = *ops;
	limits_init(&table->quotas, config);
	conn_table_configure(table);
}

void
conn_table_free(ConnTable *table)
{
	limits_free(&table->quotas);
}

void
conn_table_configure(ConnTable *table)
{
	table->limits.max = (uint64_t) table->config->outbox_max;
	table->limits.ephemeral_max = (uint64_t) table->config->ephemeral_max;
}

Conn *
conn_create(ConnTable *table, void *socket)
{
	Conn *conn = mem_zalloc(sizeof(Conn));
	int64_t now = clock_now_ms();

	list_push_tail(&table->all, &conn->in_table);
	list_init(&conn->in_dirty);
	list_init(&conn->in_doomed);
	list_init(&conn->in_got);
	list_init(&conn->subs);
	list_init(&conn->voices);
	list_init(&conn->deliveries);
	list_init(&conn->in_delivery);
	list_init(&conn->requests);
	list_init(&conn->places);
	conn->table = table;
	conn->socket = socket;
	conn->state = CONN_HEAD;
	conn->since = now;
	conn->heard_at = now;
	conn->active_at = now;
	table->count++;
	stats.sockets++;
	return conn;
}

Conn *
conn_succeed(Conn *conn)
{
	Conn *next = conn_create(conn->table, conn->socket);

	limits_leave(&conn->table->quotas, &conn->seat, clock_now_ms());
	next->internal = conn->internal;
	next->in = conn->in;
	next->rate = conn->rate;
	next->patience = conn->patience;
	conn->in = (Buf){0};
	conn->socket = NULL;
	conn_doom(conn);
	return next;
}

/* Only conn_table_reap() comes here. */
static void
conn_free(Conn *conn)
{
	list_remove(&conn->in_table);
	list_remove(&conn->in_dirty);
	list_remove(&conn->in_got);
	outbox_clear(&conn->out, false);
	buf_free(&conn->in);
	buf_free(&conn->message);
	http_request_free(conn->request);
	free(conn->tenant);
	free(conn->token);
	limits_leave(&conn->table->quotas, &conn->seat, clock_now_ms());
	conn->table->count--;
	stats.sockets--;
	free(conn);
}

void
conn_table_flush(ConnTable *table)
{
	ListNode *node;

	while ((node = list_pop_head(&table->dirty)) != NULL)
	{
		Conn *conn = list_entry(node, Conn, in_dirty);

		if (conn->state != CONN_DEAD && !conn->blocked)
			table->ops.write(conn);
	}
}

void
conn_table_reap(ConnTable *table)
{
	ListNode *node;

	while ((node = list_pop_head(&table->doomed)) != NULL)
	{
		Conn *conn = list_entry(node, Conn, in_doomed);

		if (conn->socket != NULL)
			table->ops.kill(conn);
		assert(conn->socket == NULL);
		table->ops.gone(conn);
		conn_free(conn);
	}
}

void
conn_set_identity(Conn *conn, const char *tenant, const char *user, const char *sid)
{
	size_t tenant_size = strlen(tenant) + 1;
	size_t user_size = strlen(user) + 1;
	size_t sid_size = strlen(sid) + 1;
	char *block = mem_alloc(tenant_size + user_size + sid_size);

	free(conn->tenant);
	conn->tenant = memcpy(block, tenant, tenant_size);
	conn->user = memcpy(block + tenant_size, user, user_size);
	conn->sid = memcpy(block + tenant_size + user_size, sid, sid_size);
}

void
conn_set_token(Conn *conn, const char *token)
{
	free(conn->token);
	conn->token = mem_strdup(token);
}

void
conn_touch(Conn *conn)
{
	if (!list_is_linked(&conn->in_dirty))
		list_push_tail(&conn->table->dirty, &conn->in_dirty);
}

/* Would the socket take something before the tick ends? */
static bool
may_write_now(const Conn *conn)
{
	return !conn->blocked && conn->socket != NULL && conn->framing != FRAMING_LIST;
}

bool
conn_offer(Conn *conn, Chunk *chunk)
{
	OutboxResult result;

	if (!conn_is_open(conn))
		return true;
	/* a poll waits for what others do, not for its own answers or the passing of time */
	if (chunk->frame_class != CLASS_REPLY && !chunk_is_position(chunk))
		conn->news = true;
	chunk = chunk_as(chunk, (Framing) conn->framing);
	result = outbox_push(&conn->out, chunk, &conn->table->limits);
	if (result == OUTBOX_FULL && may_write_now(conn))
	{
		/* much came at once: that it is full says nothing of the client yet */
		conn->table->ops.write(conn);
		if (!conn_is_open(conn))
			return true;
		result = outbox_push(&conn->out, chunk, &conn->table->limits);
	}
	if (result == OUTBOX_TAKEN)
	{
		stats.frames_out_total += chunk->frames;
		meter.class_frames[chunk->frame_class] += chunk->frames;
		meter.class_bytes[chunk->frame_class] += chunk->len;
		conn_touch(conn);
	}
	if (result != OUTBOX_FULL && (conn->blocked || conn->out.dropped > 0))
		flow_changed(conn);
	return result != OUTBOX_FULL;
}

void
conn_push(Conn *conn, Chunk *chunk)
{
	if (conn_offer(conn, chunk))
		return;
	flow_overflow(conn);
	conn_offer(conn, chunk);
}

void
conn_send(Conn *conn, const Buf *json)
{
	conn_send_events(conn, json, NULL);
}

void
conn_send_events(Conn *conn, const Buf *json, Receipt *receipt)
{
	Chunk *chunk = chunk_from_json(CLASS_REPLY, json, NULL);

	chunk->receipt = receipt;
	if (conn->exchange != NULL && conn_is_open(conn))
		conn->table->ops.replied(conn, json);
	conn_push(conn, chunk);
	chunk_unref(chunk);
}

void
conn_tell(Conn *conn, const Buf *json)
{
	Chunk *chunk = chunk_from_json(CLASS_REPLY, json, NULL);

	conn_push(conn, chunk);
	chunk_unref(chunk);
}

/* Whatever the state. */
static void
force_chunk(Conn *conn, Chunk *chunk)
{
	outbox_push(&conn->out, chunk, &conn->table->limits);
	chunk_unref(chunk);
	conn_touch(conn);
}

/* The transport's own words. */
static void
force(Conn *conn, const Buf *bytes, uint32_t frames)
{
	force_chunk(conn, chunk_new(CLASS_REPLY, bytes->data, bytes->len, frames, NULL));
}

void
conn_send_raw(Conn *conn, const Buf *bytes)
{
	if (conn->state != CONN_CLOSING && conn->state != CONN_DEAD)
		force(conn, bytes, 1);
}

void
conn_send_shared(Conn *conn, Chunk *chunk)
{
	if (chunk->len > 0 && conn->state != CONN_CLOSING && conn->state != CONN_DEAD)
		force_chunk(conn, chunk_ref(chunk));
}

/* What a client should do about a close code. */
static const char *
retry_of(int code)
{
	if (code == 4401)
		return "refresh";
	/* broken framing and too large a message are faults of the client that come again */
	return code >= 4500 || code == 1002 || code == 1009 ? "no" : "backoff";
}

/* The last words to a WebSocket: bye, and the close frame behind it. */
static void
send_close(Conn *conn, const Buf *json, int code, const char *reason)
{
	Buf frames = {0};

	wsframe_append(&frames, WS_TEXT, json->data, json->len);
	wsframe_append_close(&frames, code, reason);
	force(conn, &frames, 2);
	buf_free(&frames);
}

/* To others: bye, and then nothing; they have no close frame to wait for. */
static void
send_end(Conn *conn, const Buf *json)
{
	Chunk *chunk = chunk_from_json(CLASS_REPLY, json, NULL);

	conn->table->ops.replied(conn, json);
	force_chunk(conn, chunk_ref(chunk_as(chunk, (Framing) conn->framing)));
	chunk_unref(chunk);
	conn->peer_closed = true;
}

/* A WebSocket, or what stands for one, comes to its end. */
static void
note_end(const Conn *conn, int code, const char *reason)
{
	meter_close(&meter, code);
	conn_log(LOG_DEBUG, conn, NULL, "closing", "code=%d reason=%s", code,
			 log_quote(reason));
}

void
conn_close_for(Conn *conn, int code, const char *reason, int64_t retry_ms)
{
	Buf json = {0};

	if (!conn_is_open(conn))
		return;
	note_end(conn, code, reason);
	wire_open(&json, "bye", NULL, NULL);
	buf_printf(&json, "{\"code\":%d,\"reason\":", code);
	buf_json_string(&json, reason);
	buf_printf(&json, ",\"retry\":\"%s\",\"retryAfter\":%" PRId64 "}", retry_of(code),
			   retry_ms);
	wire_close(&json);
	if (conn->exchange == NULL)
		send_close(conn, &json, code, reason);
	else
		send_end(conn, &json);
	buf_free(&json);
	conn->close_code = (uint16_t) code;
	conn_set_state(conn, CONN_CLOSING);
}

void
conn_close_after_flush(Conn *conn, int code, const char *reason)
{
	conn_close_for(conn, code, reason, code == 4429 ? 5000 : 0);
}

void
conn_close(Conn *conn, int code, const char *reason)
{
	if (!conn_is_open(conn))
		return;
	outbox_clear(&conn->out, true);
	conn_close_after_flush(conn, code, reason);
}

void
conn_peer_closed(Conn *conn, int code)
{
	Buf frame = {0};

	conn->peer_closed = true;
	if (conn_is_open(conn))
	{
		note_end(conn, METER_CLOSE_PEER, "");
		outbox_clear(&conn->out, true);
		wsframe_append_close(&frame, code == 1005 ? 1000 : code, "");
		force(conn, &frame, 1);
		buf_free(&frame);
		conn->close_code = (uint16_t) code;
		conn_set_state(conn, CONN_CLOSING);
	}
	conn_touch(conn);
}

void
conn_doom(Conn *conn)
{
	if (conn->state == CONN_DEAD)
		return;
	if (conn_is_open(conn))
		note_end(conn, METER_CLOSE_LOST, "");
	conn_set_state(conn, CONN_DEAD);
	list_push_tail(&conn->table->doomed, &conn->in_doomed);
}
