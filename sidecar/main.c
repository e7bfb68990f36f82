/*
 * main.c: puts the parts together, and takes them apart on SIGTERM (layer 4).
 *
 * With workers, the parent looks after them (workers.c) and each of them comes here
 * as if it were alone.
 */
#include "attendance.h"
#include "board.h"
#include "bus.h"
#include "delivery.h"
#include "drain.h"
#include "feed.h"
#include "files.h"
#include "gateway.h"
#include "janitor.h"
#include "listener.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "notify.h"
#include "publish.h"
#include "ready.h"
#include "recheck.h"
#include "resume.h"
#include "settings.h"
#include "tls.h"
#include "workers.h"
#include "ws.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define PULSE_MS 500
#define SPARE_DESCRIPTORS 256

static Gateway gateway;
static LoopTimer *janitor;
static LoopTimer *pulse;

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

/* SIGTERM or SIGINT: begin to drain; a second one does not wait for it. */
static void
on_terminate(void *arg)
{
	(void) arg;
	drain_begin(&gateway);
}

/* SIGHUP */
static void
on_hangup(void *arg)
{
	(void) arg;
	notify_reloading();
	settings_reload(&gateway);
	notify("READY=1");
}

/* The same for the parent of workers: it keeps the settings for the next ones. */
static void
reload_for_workers(void)
{
	settings_reload(&gateway);
}

/* Tells others how we are. */
static void
on_pulse(void *arg)
{
	(void) arg;
	ready_pulse(&gateway);
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

/* Host and process, unless the configuration says otherwise; each worker another. */
static void
default_name(Config *config, int worker)
{
	char host[64] = "gateway";
	Buf name = {0};

	if (*config->name != '\0' && worker == 0)
		return;
	if (*config->name != '\0')
		buf_printf(&name, "%s/%d", config->name, worker);
	else
	{
		gethostname(host, sizeof(host) - 1);
		buf_printf(&name, "%s:%d", host, (int) getpid());
	}
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
	gateway.listener = listener_open(&gateway.config, ws_accept, &gateway);
	if (gateway.listener == NULL)
		return false;
	recheck_init(&gateway);
	resume_init(&gateway);
	if (*gateway.config.metrics_listen != '\0')
	{
		gateway.metrics =
			listener_open_metrics(&gateway.config, ws_accept_internal, &gateway);
		if (gateway.metrics == NULL)
			return false;
	}
	gateway.pool = pool_open(&gateway.config, pool_statements, on_pool_changed, NULL);
	gateway.bus = bus_open(&gateway);
	gateway.publisher = publish_open(&gateway);
	gateway.attendance = attendance_open(&gateway);
	gateway.delivery = delivery_open(&gateway);
	gateway.feed = feed_open(&gateway);
	janitor = loop_timer_new(on_janitor, NULL);
	pulse = loop_timer_new(on_pulse, NULL);
	loop_timer_start(pulse, 0, PULSE_MS);
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
	delivery_close(gateway.delivery);
	publish_close(gateway.publisher);
	recheck_free();
	resume_free();
	bus_close(gateway.bus);
	attendance_close(gateway.attendance);
	loop_timer_free(janitor);
	loop_timer_free(pulse);
	listener_close(gateway.metrics);
	drain_free();
	fanout_free(&gateway.fanout);
	hub_free(&gateway.hub);
	conn_table_free(&gateway.table);
	ws_free();
	files_free();
	tls_free();
	loop_free();
	log_info("stopped", "");
}

/* One gateway, from the start to the exit status. */
static int
serve(int worker)
{
	default_name(&gateway.config, worker);
	if (!start())
		return 1;
	if (worker == 0)
		notify("READY=1");
	loop_run();
	stop();
	if (loop_looks_up())
		_exit(0); /* a name server may never answer */
	return 0;
}

/* From the configuration to the exit status. */
static int
run(void)
{
	Config *config = &gateway.config;
	Buf error = {0};
	int status;
	int worker;

	if (!settings_check(config, &error))
	{
		fprintf(stderr, "%s\n", buf_cstr(&error));
		buf_free(&error);
		return 2;
	}
	settings_apply_log(config);
	signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit(config);
	if (config->workers == 1)
	{
		board_make(1);
		return serve(0);
	}
	worker = workers_run(config, reload_for_workers, &status);
	return worker > 0 ? serve(worker) : status;
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
