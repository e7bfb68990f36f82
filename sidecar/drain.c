/*
 * drain.c: see drain.h.
 */
#include "drain.h"

#include "board.h"
#include "clock.h"
#include "listener.h"
#include "log.h"
#include "loop.h"
#include "notify.h"

#define STEP_MS 20

static LoopTimer *timer;
static int64_t began;

void
drain_say_goodbye(const Gateway *gateway, Conn *conn)
{
	conn_close_for(conn, 1012, "restarting",
				   clock_jitter(gateway->config.drain_spread + 1));
}

/* Closes whom nothing keeps, and stops when everybody is gone or time is up. */
static void
on_step(void *arg)
{
	Gateway *gateway = arg;
	int64_t elapsed = clock_now_ms() - began;
	int64_t limit = gateway->config.drain_timeout;

	list_foreach(node, following, &gateway->table.all)
	{
		Conn *conn = list_entry(node, Conn, in_table);

		if (conn->state == CONN_HEAD)
			conn_doom(conn);
		else if (conn->nrequests == 0 || elapsed >= limit / 2)
			drain_say_goodbye(gateway, conn);
	}
	if (gateway->table.count == 0 || elapsed >= limit)
		loop_stop();
}

void
drain_begin(Gateway *gateway)
{
	if (gateway->draining)
	{
		loop_stop();
		return;
	}
	log_info("draining", "connections=%d", (int) gateway->table.count);
	gateway->draining = true;
	board_publish(WORKER_DRAINING);
	notify("STOPPING=1");
	began = clock_now_ms();
	listener_close(gateway->listener);
	gateway->listener = NULL;
	timer = loop_timer_new(on_step, gateway);
	loop_timer_start(timer, 0, STEP_MS);
}

void
drain_free(void)
{
	loop_timer_free(timer);
	timer = NULL;
}
