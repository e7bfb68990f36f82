/*
 * janitor.c: see janitor.h.
 */
#include "janitor.h"

#include "clock.h"
#include "feed.h"
#include "flow.h"
#include "lifetime.h"
#include "resume.h"

#define PINGS_UNANSWERED 2
#define STREAM_PATIENCE 2 /* heartbeats without an acknowledgement */

int64_t
janitor_interval(const Config *config)
{
	int64_t shortest = config->heartbeat < config->auth_timeout ? config->heartbeat
																: config->auth_timeout;

	return shortest / 4 > 1000 ? 1000 : shortest / 4 + 1;
}

/* Has a stream's client acknowledged nothing of what it was sent, for too long? */
static bool
takes_nothing(Conn *conn, int64_t now)
{
	int64_t unsent = conn->socket != NULL ? conn->table->ops.unsent(conn) : 0;

	/* more of it says nothing: that is ours */
	if (unsent <= 0 || conn->unsent <= 0 || unsent < conn->unsent)
		conn->moved_at = now;
	conn->unsent = unsent;
	return now - conn->moved_at >= STREAM_PATIENCE * conn->table->config->heartbeat;
}

/*
 * A comment on a quiet stream, so that proxies keep it and a dead client is noticed,
 * which cannot answer pings.
 */
static void
check_stream(Conn *conn, int64_t now, Chunk *ping)
{
	if (conn->framing != FRAMING_SSE)
		return;
	if (takes_nothing(conn, now))
	{
		conn->abandoned = true;
		conn_doom(conn);
	}
	else if (now - conn->heard_at >= conn->table->config->heartbeat)
	{
		conn->heard_at = now;
		conn_push(conn, ping);
	}
}

/* Pings when the client was silent; closes when that was not answered either. */
static void
check_silence(Conn *conn, int64_t now, Chunk *ping)
{
	int64_t silence = now - conn->heard_at;
	int64_t heartbeat = conn->table->config->heartbeat;

	if (!conn_is_websocket(conn))
	{
		check_stream(conn, now, ping);
		return;
	}
	if (silence < heartbeat * (conn->pings + 1))
		return;
	if (conn->pings >= PINGS_UNANSWERED)
	{
		conn_close(conn, 4408, "heartbeats missed");
		return;
	}
	conn->pings++;
	conn_push(conn, ping);
}

/* Expiry, silence and an ageing position of an authenticated client. */
static void
check_ready(Gateway *gateway, Conn *conn, int64_t now, Chunk *ping)
{
	lifetime_check(gateway, conn, now, clock_wall_ms());
	check_silence(conn, now, ping);
	/* keeps the position of a quiet client within the database's retention */
	if (now - conn->position_at >= gateway->config.heartbeat)
		feed_send_position(gateway->feed, conn);
}

/* What each state has a deadline for. */
static void
check(Gateway *gateway, Conn *conn, int64_t now, Chunk *ping)
{
	int64_t age = now - conn->since;

	switch (conn->state)
	{
		case CONN_HEAD:
		case CONN_HTTP:
			if (age >= gateway->config.auth_timeout)
				conn_doom(conn);
			break;
		case CONN_OPEN:
			if (age >= gateway->config.auth_timeout)
				conn_close(conn, 4408, "no token in time");
			break;
		case CONN_AUTHENTICATING:
			check_silence(conn, now, ping);
			break;
		case CONN_READY:
			flow_check(conn, now);
			check_ready(gateway, conn, now, ping);
			break;
		case CONN_CLOSING:
			if (age >= CONN_CLOSE_DEADLINE)
				conn_doom(conn);
			break;
		case CONN_DEAD:
			break;
	}
}

void
janitor_pass(Gateway *gateway)
{
	static const char text[] = "{\"type\":\"ping\"}";
	const Buf json = {(char *) (uintptr_t) text, sizeof(text) - 1, 0};
	Chunk *ping = chunk_from_json(CLASS_STATE, &json, "ping");
	int64_t now = clock_now_ms();

	list_foreach(node, following, &gateway->table.all)
	{
		check(gateway, list_entry(node, Conn, in_table), now, ping);
	}
	chunk_unref(ping);
	resume_sweep(gateway, now);
	limits_sweep(&gateway->table.quotas, now);
}
