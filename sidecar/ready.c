/*
 * ready.c: see ready.h.
 */
#include "ready.h"

#include "board.h"
#include "clock.h"
#include "feed.h"
#include "notify.h"
#include "stats.h"

#include <inttypes.h>
#include <string.h>

/* The first thing that is wrong, "" when nothing is. */
static const char *
what_is_wrong(const Gateway *gateway, const Readiness *readiness)
{
	const Config *config = &gateway->config;

	if (gateway->draining)
		return "draining";
	if (!gateway->database_up)
		return "database down";
	/* a quiet feed asks every poll_safety ms, too, and is answered at once */
	if (readiness->feed_lag > config->ready_lag)
		return "feed stuck";
	if (readiness->queue_wait > config->ready_lag)
		return "requests are not answered";
	return "";
}

/* How this process is. */
static Readiness
ready_check(const Gateway *gateway)
{
	Readiness readiness = {0};

	readiness.feed_lag = feed_lag(gateway->feed);
	readiness.queue_wait = pool_longest_wait(gateway->pool);
	readiness.why = what_is_wrong(gateway, &readiness);
	readiness.ready = *readiness.why == '\0';
	return readiness;
}

/* As the board knows it. */
static WorkerState
state_of(const Gateway *gateway, const Readiness *readiness)
{
	if (gateway->draining)
		return WORKER_DRAINING;
	return readiness->ready ? WORKER_READY : WORKER_WAITING;
}

/*
 * Who asks reaches any of the workers that listen, and so do clients: all of those
 * must be ready. One that is being started again gets nobody, so it does not count.
 */
int
ready_render(const Gateway *gateway, Buf *out)
{
	Readiness readiness = ready_check(gateway);
	bool others;

	board_publish(state_of(gateway, &readiness));
	others =
		board_count(WORKER_WAITING) == (readiness.ready || gateway->draining ? 0 : 1);
	if (readiness.ready && !others)
		readiness.why = "another worker is not ready";
	buf_printf(out, "{\"ready\":%s", readiness.ready && others ? "true" : "false");
	if (*readiness.why != '\0')
		buf_printf(out, ",\"why\":\"%s\"", readiness.why);
	buf_printf(out,
			   ",\"feed\":\"%s\",\"feedLag\":%" PRId64 ",\"database\":\"%s\","
			   "\"queueWait\":%" PRId64 ",\"draining\":%s,\"connections\":%" PRId64
			   ",\"workers\":{\"configured\":%d,\"ready\":%d}}\n",
			   feed_mode(gateway->feed), readiness.feed_lag,
			   gateway->database_up ? "up" : "down", readiness.queue_wait,
			   gateway->draining ? "true" : "false", stats.connections, board_workers(),
			   board_count(WORKER_READY));
	return readiness.ready && others ? 200 : 503;
}

/* As long as the loop comes by here, the process is alive. */
static void
tell_systemd(const Readiness *readiness)
{
	static const char *told;
	static int64_t watched_at;
	int64_t every = notify_watchdog_ms();
	int64_t now = clock_now_ms();
	Buf text = {0};

	if (every > 0 && now - watched_at >= every)
	{
		watched_at = now;
		notify("WATCHDOG=1");
	}
	if (told != NULL && strcmp(told, readiness->why) == 0)
		return;
	told = readiness->why;
	buf_printf(&text, "STATUS=%s", *told ? told : "ready");
	notify(buf_cstr(&text));
	buf_free(&text);
}

void
ready_pulse(const Gateway *gateway)
{
	Readiness readiness = ready_check(gateway);

	stats.feed_lag_ms = readiness.feed_lag;
	stats.queue_wait_ms = readiness.queue_wait;
	board_publish(state_of(gateway, &readiness));
	tell_systemd(&readiness);
}
