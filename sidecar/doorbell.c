/*
 * doorbell.c: see doorbell.h.
 */
#include "doorbell.h"

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct Doorbell
{
	Gateway *gateway;
	LoopCallback rung;
	void *arg;
	char channel[48]; /* of the probe, this process's own */
	uint64_t number;  /* of the last probe */
	bool running;
	bool probe_out;
	bool works;
	bool heard; /* the bell, since the last cycle ended */
	LoopTimer *poll;
	LoopTimer *probe;
};

/* Polls slowly while the bell works, fast while it does not. */
static void
start_poll(Doorbell *doorbell)
{
	const Config *config = &doorbell->gateway->config;
	int64_t every = doorbell->works ? config->poll_safety : config->poll_fast;

	loop_timer_start(doorbell->poll, every, every);
}

/* Time to look, whether or not the bell rang. */
static void
on_poll_timer(void *arg)
{
	Doorbell *doorbell = arg;

	doorbell->rung(doorbell->arg);
}

/* Notes and logs whether the bell is heard, and polls accordingly. */
static void
set_works(Doorbell *doorbell, bool works)
{
	if (doorbell->works == works)
		return;
	doorbell->works = works;
	stats.feed_polling = !works;
	log_line(works ? LOG_INFO : LOG_WARN,
			 works ? "the doorbell works" : "the doorbell is not heard, polling", "");
	if (doorbell->running)
		start_poll(doorbell);
}

/* The probe is out; only a refusal is news here. */
static void
on_probe_sent(void *arg, const PgAnswer *answer)
{
	(void) arg;
	if (answer->status == PG_ERROR)
		log_warn("cannot ring the probe", "reason=%s", log_quote(answer->message));
}

void
doorbell_probe(Doorbell *doorbell)
{
	char number[24];
	const char *values[2] = {doorbell->channel, number};

	if (!doorbell->running || doorbell->gateway->pool == NULL || doorbell->probe_out)
		return;
	snprintf(number, sizeof(number), "%" PRIu64, doorbell->number + 1);
	/* the pool may be down or busy: then the timer brings us back here */
	loop_timer_start(doorbell->probe, doorbell->gateway->config.probe_timeout, 0);
	if (!pool_send(doorbell->gateway->pool, &pool_statements[STMT_NOTIFY], values,
				   on_probe_sent, doorbell))
		return;
	doorbell->number++;
	doorbell->probe_out = true;
}

/* Either a probe was not heard in time, or the next one is due. */
static void
on_probe_timer(void *arg)
{
	Doorbell *doorbell = arg;

	if (doorbell->probe_out)
	{
		stats.probes_lost_total++;
		doorbell->probe_out = false;
		set_works(doorbell, false);
	}
	doorbell_probe(doorbell);
}

/* The last probe came back: the bell works. */
static void
on_probe_heard(Doorbell *doorbell, const char *payload)
{
	if (!doorbell->probe_out || strtoull(payload, NULL, 10) != doorbell->number)
		return;
	doorbell->probe_out = false;
	set_works(doorbell, true);
	loop_timer_start(doorbell->probe, doorbell->gateway->config.probe_interval, 0);
}

void
doorbell_notified(Doorbell *doorbell, const char *channel, const char *payload)
{
	if (strcmp(channel, doorbell->channel) == 0)
	{
		on_probe_heard(doorbell, payload);
		return;
	}
	stats.doorbells_total++;
	doorbell->heard = true;
	doorbell->rung(doorbell->arg);
}

void
doorbell_cycle_ended(Doorbell *doorbell, int64_t events)
{
	if (doorbell->works && !doorbell->heard)
		stats.doorbells_missed_total += events;
	doorbell->heard = false;
}

bool
doorbell_works(const Doorbell *doorbell)
{
	return doorbell->works;
}

const char *
doorbell_channel(const Doorbell *doorbell)
{
	return doorbell->channel;
}

void
doorbell_start(Doorbell *doorbell)
{
	doorbell->running = true;
	start_poll(doorbell);
	doorbell_probe(doorbell);
}

void
doorbell_stop(Doorbell *doorbell)
{
	doorbell->running = false;
	doorbell->probe_out = false;
	loop_timer_stop(doorbell->poll);
	loop_timer_stop(doorbell->probe);
	set_works(doorbell, false);
}

Doorbell *
doorbell_new(Gateway *gateway, LoopCallback rung, void *arg)
{
	Doorbell *doorbell = mem_zalloc(sizeof(Doorbell));

	doorbell->gateway = gateway;
	doorbell->rung = rung;
	doorbell->arg = arg;
	snprintf(doorbell->channel, sizeof(doorbell->channel), "wrk_probe_%d_%" PRIx64,
			 (int) getpid(), (uint64_t) clock_jitter(INT64_MAX));
	doorbell->poll = loop_timer_new(on_poll_timer, doorbell);
	doorbell->probe = loop_timer_new(on_probe_timer, doorbell);
	stats.feed_polling = 1;
	return doorbell;
}

void
doorbell_free(Doorbell *doorbell)
{
	loop_timer_free(doorbell->poll);
	loop_timer_free(doorbell->probe);
	free(doorbell);
}
