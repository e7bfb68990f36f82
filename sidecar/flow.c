/*
 * flow.c: see flow.h.
 */
#include "flow.h"

#include "clock.h"
#include "stats.h"
#include "wire.h"

#include <inttypes.h>

/* Bytes that count against the cap. */
static uint64_t
bytes_behind(const Conn *conn)
{
	return conn->out.bytes - conn->out.reply_bytes;
}

/* The level for what waits now, which is left later than it is reached. */
static uint8_t
level_of(const Conn *conn)
{
	const OutboxLimits *limits = &conn->table->limits;
	uint64_t bytes = bytes_behind(conn);
	uint64_t high = limits->max / 2;
	uint64_t low = limits->ephemeral_max;

	if (conn->lagging || bytes > (conn->level == 2 ? high / 2 : high))
		return 2;
	if (conn->out.count == 0 && !conn->blocked)
		return 0;
	if (conn->out.dropped > 0 || bytes > (conn->level > 0 ? low / 2 : low))
		return 1;
	return 0;
}

/* Says where it stands, and what it did not get since the last time. */
static void
tell(Conn *conn)
{
	Buf json = {0};

	wire_open(&json, "flow", NULL, NULL);
	buf_printf(&json,
			   "{\"level\":%d,\"dropped\":{\"ephemeral\":%" PRIu32 ",\"state\":%" PRIu32
			   "}}",
			   conn->level, conn->out.dropped, conn->out.coalesced);
	wire_close(&json);
	conn->out.dropped = 0;
	conn->out.coalesced = 0;
	conn_tell(conn, &json);
	buf_free(&json);
}

void
flow_changed(Conn *conn)
{
	uint8_t level;

	if (!conn_is_open(conn))
		return;
	level = level_of(conn);
	if (level == conn->level)
		return;
	conn->level = level;
	tell(conn);
}

void
flow_drained(Conn *conn)
{
	if (!conn->lagging && conn->level == 0)
		return;
	conn->lagging = false;
	flow_changed(conn);
}

void
flow_gap(Sub *sub, const char *reason)
{
	Buf json = {0};

	sub_forget_held(sub);
	wire_gap(&json, sub->channel->name, reason);
	sub->conn->news = true;
	conn_tell(sub->conn, &json);
	sub_set_broken(sub, true);
	buf_free(&json);
}

void
flow_overflow(Conn *conn)
{
	if (!conn_is_open(conn))
		return;
	if (conn->lagging)
	{
		stats.slow_consumers_total++;
		conn_close(conn, 4430, "slow consumer");
		return;
	}
	conn->lagging = true;
	conn->moved_at = clock_now_ms();
	stats.slow_gaps_total++;
	stats.dropped_gap_total += outbox_drop_events(&conn->out);
	list_foreach(node, following, &conn->subs)
	{
		Sub *sub = list_entry(node, Sub, in_conn);

		/* also one that was told already: that may have been among what was dropped */
		if (sub->suspended)
			sub->overrun = true;
		else if (!sub->pending)
			flow_gap(sub, "slow_consumer");
	}
	flow_changed(conn);
}

void
flow_take_back(Conn *conn)
{
	if (conn->blocked && bytes_behind(conn) > 0)
		flow_overflow(conn);
}

void
flow_check(Conn *conn, int64_t now_ms)
{
	int64_t unsent;

	if (!conn->blocked || !conn_is_open(conn) || conn->socket == NULL)
		return;
	unsent = conn->table->ops.unsent(conn);
	if (unsent != conn->unsent)
	{
		/* we do not read from it meanwhile: that it takes something is all it can say */
		conn->unsent = unsent;
		conn->moved_at = now_ms;
		conn->heard_at = now_ms;
		conn->pings = 0;
		return;
	}
	if (!conn->lagging || now_ms - conn->moved_at < conn->table->config->slow_timeout)
		return;
	stats.slow_consumers_total++;
	conn_close(conn, 4430, "slow consumer");
}
