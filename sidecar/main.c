/*
 * main.c: puts the parts together, and takes them apart on SIGTERM (layer 4).
 *
 * Draining: stop listening, let requests in flight finish for half of
 * drain_timeout, say good-bye to everybody with 1012, exit 0 when the last one
 * left or the time is over.
 */
#include "attendance.h"
#include "bus.h"
#include "clock.h"
#include "feed.h"
#include "gateway.h"
#include "janitor.h"
#include "listener.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "publish.h"
#include "recheck.h"
#include "resume.h"
#include "settings.h"
#include "tls.h"
#include "ws.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define DRAIN_STEP_MS 20
#define SPARE_DESCRIPTORS 128

static Gateway gateway;
static Listener *listener;
static LoopTimer *janitor;
static LoopTimer *drain;
static int64_t drain_began;

/* After the callbacks of each iteration: write, then free what is over. */
static void
on_tick(void *arg)
{
	(void) arg;
	conn_table_flush(&gateway.table);
	conn_table_reap(&gateway.table);
}

/* Deadlines. */
static void
on_janitor(void *arg)
{
	(void) arg;
	janitor_pass(&gateway);
}

/* The pool came up or went down. */
static void
on_pool_changed(void *arg)
{
	(void) arg;
	if (gateway.pool == NULL || gateway.feed == NULL)
		return;
	feed_pool_changed(gateway.feed);
	gateway_check_database(&gateway);
}

/* Closes whom nothing keeps, and stops when everybody is gone or time is up. */
static void
on_drain_step(void *arg)
{
	int64_t elapsed = clock_now_ms() - drain_began;
	int64_t limit = gateway.config.drain_timeout;

	(void) arg;
	list_foreach(node, following, &gateway.table.all)
	{
		Conn *conn = list_entry(node, Conn, in_table);

		if (conn->state == CONN_HEAD)
			conn_doom(conn);
		else if (conn->nrequests == 0 || elapsed >= limit / 2)
			conn_close_after_flush(conn, 1012, "restarting");
	}
	if (gateway.table.count == 0 || elapsed >= limit)
		loop_stop();
}

/* SIGTERM or SIGINT: begin to drain; a second one does not wait for it. */
static void
on_terminate(void *arg)
{
	(void) arg;
	if (gateway.draining)
	{
		loop_stop();
		return;
	}
	log_info("draining", "connections=%d", (int) gateway.table.count);
	gateway.draining = true;
	drain_began = clock_now_ms();
	listener_close(listener);
	listener = NULL;
	loop_timer_start(drain, 0, DRAIN_STEP_MS);
}

/* SIGHUP */
static void
on_hangup(void *arg)
{
	(void) arg;
	settings_reload(&gateway);
}

/* Room for max_connections, as far as the hard limit goes; the rest is for us. */
static void
raise_descriptor_limit(Config *config)
{
	struct rlimit limit;
	rlim_t wanted = (rlim_t) config->max_connections + SPARE_DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	if (wanted > limit.rlim_max)
		log_warn("the hard limit of file descriptors is below max_connections",
				 "limit=%lu", (unsigned long) limit.rlim_max);
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	/* clients must not take the descriptors that a lost database needs */
	if (limit.rlim_cur < wanted)
		config->max_connections = limit.rlim_cur > 2 * SPARE_DESCRIPTORS
									  ? (int64_t) limit.rlim_cur - SPARE_DESCRIPTORS
									  : (int64_t) limit.rlim_cur / 2;
}

/* Host and process, unless the configuration says otherwise. */
static void
default_name(Config *config)
{
	char host[64] = "gateway";
	Buf name = {0};

	if (*config->name != '\0')
		return;
	gethostname(host, sizeof(host) - 1);
	buf_printf(&name, "%s:%d", host, (int) getpid());
	free(config->name);
	config->name = mem_strdup(buf_cstr(&name));
	buf_free(&name);
}

/* Makes everything; false when something essential cannot be had. */
static bool
start(void)
{
	conn_table_init(&gateway.table, &gateway.config, &ws_ops);
	hub_init(&gateway.hub);
	fanout_init(&gateway.fanout, &gateway.hub);
	loop_init();
	loop_on_tick(on_tick, NULL);
	if (!ws_init(&gateway))
		return false;
	listener = listener_open(&gateway.config, ws_accept, &gateway);
	if (listener == NULL)
		return false;
	recheck_init(&gateway);
	resume_init(&gateway);
	gateway.pool = pool_open(&gateway.config, pool_statements, on_pool_changed, NULL);
	gateway.bus = bus_open(&gateway);
	gateway.publisher = publish_open(&gateway);
	gateway.attendance = attendance_open(&gateway);
	gateway.feed = feed_open(&gateway);
	janitor = loop_timer_new(on_janitor, NULL);
	drain = loop_timer_new(on_drain_step, NULL);
	loop_timer_start(janitor, janitor_interval(&gateway.config),
					 janitor_interval(&gateway.config));
	loop_on_signal(SIGTERM, on_terminate, NULL);
	loop_on_signal(SIGINT, on_terminate, NULL);
	loop_on_signal(SIGHUP, on_hangup, NULL);
	return true;
}

/* Takes everything apart, so that a leak checker has nothing to say. */
static void
stop(void)
{
	list_foreach(node, following, &gateway.table.all)
	{
		conn_doom(list_entry(node, Conn, in_table));
	}
	conn_table_reap(&gateway.table);
	feed_close(gateway.feed);
	pool_close(gateway.pool);
	publish_close(gateway.publisher);
	recheck_free();
	resume_free();
	bus_close(gateway.bus);
	attendance_close(gateway.attendance);
	loop_timer_free(janitor);
	loop_timer_free(drain);
	fanout_free(&gateway.fanout);
	hub_free(&gateway.hub);
	conn_table_free(&gateway.table);
	ws_free();
	tls_free();
	loop_free();
	log_info("stopped", "");
}

/* From the configuration to the exit status. */
static int
run(void)
{
	Buf error = {0};

	if (!settings_check(&gateway.config, &error))
	{
		fprintf(stderr, "%s\n", buf_cstr(&error));
		buf_free(&error);
		return 2;
	}
	settings_apply_log(&gateway.config);
	signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit(&gateway.config);
	default_name(&gateway.config);
	if (!start())
		return 1;
	loop_run();
	stop();
	return 0;
}

int
main(int argc, char **argv)
{
	Buf out = {0};
	Buf error = {0};
	int status = 2;

	switch (config_load(&gateway.config, argc, argv, &out, &error))
	{
		case CONFIG_RUN:
			settings_remember(argc, argv);
			status = run();
			break;
		case CONFIG_DONE:
			fputs(buf_cstr(&out), stdout);
			status = 0;
			break;
		case CONFIG_WRONG:
			fprintf(stderr, "wrk_copilot_gateway: %s\n", buf_cstr(&error));
			break;
	}
	settings_forget();
	config_free(&gateway.config);
	buf_free(&out);
	buf_free(&error);
	return status;
}
