/*
 * poll.c: see poll.h.
 */
#include "poll.h"

#include "feed.h"
#include "stats.h"

#include <string.h>

/* Time is up. */
static void
on_timer(void *arg)
{
	Exchange *exchange = arg;

	exchange->expiries++;
	loop_timer_start(exchange->timer, POLL_GRACE_MS, 0);
	conn_touch(exchange->conn);
}

void
poll_begin(Exchange *exchange)
{
	/* what came before belongs to the beginning */
	if (exchange->conn->news)
		exchange->news = true;
	exchange->timer = loop_timer_new(on_timer, exchange);
	loop_timer_start(exchange->timer, exchange->wait, 0);
	stats.polls_waiting++;
}

void
poll_end(Exchange *exchange)
{
	if (exchange->timer == NULL)
		return;
	loop_timer_free(exchange->timer);
	exchange->timer = NULL;
	stats.polls_waiting--;
}

/* Does the answer lack a page, or a replay, that a position would cover? */
static bool
is_incomplete(const Conn *conn)
{
	if (list_is_linked(&conn->in_got))
		return true;
	list_foreach(node, following, &conn->subs)
	{
		const Sub *sub = list_entry(node, Sub, in_conn);

		if (sub->pending || sub->suspended)
			return true;
	}
	return false;
}

bool
poll_is_over(Exchange *exchange)
{
	const Conn *conn = exchange->conn;
	bool wanted =
		exchange->news || conn->news || exchange->wait == 0 || exchange->expiries > 0;

	if (conn->state != CONN_READY || exchange->expiries > 1)
		return true;
	return wanted && !is_incomplete(conn);
}

/* The position as a frame, unless the answer ends with it already. */
static void
end_with_position(const Exchange *exchange, Buf *body)
{
	Buf position = {0};
	Buf frame = {0};

	feed_append_position(exchange->gateway->feed, &position, NULL);
	wire_position(&frame, buf_cstr(&position));
	if (body->len < frame.len ||
		memcmp(body->data + body->len - frame.len, frame.data, frame.len) != 0)
	{
		buf_puts(body, ",");
		buf_append(body, frame.data, frame.len);
	}
	buf_free(&frame);
	buf_free(&position);
}

void
poll_collect(Exchange *exchange, Buf *body)
{
	Conn *conn = exchange->conn;

	buf_puts(body, "{\"frames\":[");
	outbox_copy(&conn->out, body);
	if (body->data[body->len - 1] == ',')
		body->len--; /* of the last */
	if (conn->state == CONN_READY && conn->npending == 0 && !is_incomplete(conn) &&
		feed_snapshot(exchange->gateway->feed) != NULL)
		end_with_position(exchange, body);
	buf_puts(body, "]}");
}
