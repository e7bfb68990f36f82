/*
 * roster.c: see roster.h.
 *
 * Written with wrk.gateway_presence(), told by the database to the other gateways (bus
 * message "p": names of channels, a line each), read with wrk.gateway_present().
 */
#include "roster.h"

#include "bus.h"
#include "clock.h"
#include "feed.h"
#include "log.h"
#include "mem.h"
#include "stats.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_INTERVAL_MS 100
#define READ_INTERVAL_MS 50
#define RETRY_MS 250
#define SWEEP_MS 500 /* with presence_grace 15 s: gone within 16 */
#define WRITE_ROWS 1000
#define WRITE_BYTES (512 * 1024)
#define READ_ROOMS 200

struct Roster
{
	Gateway *gateway;
	Presence *model;
	LoopCallback changed;
	void *arg;
	bool was_attached;
	bool attached;
	bool attaching;
	bool sweeping;
	int64_t others;
	LoopTimer *sweep;
	/* after the database forgot: others may not have written again before it rings */
	LoopTimer *strict;
	/* writing */
	LoopTimer *write;
	bool writing;
	int64_t wrote_at;
	size_t rows; /* most of a batch */
	/* reading */
	LoopTimer *read;
	bool reading;
	int64_t read_at;
	char *asked[READ_ROOMS];
	size_t nasked;
	List waiting; /* for a read that begins */
	List running; /* for the one that runs */
};

/* Every room that somebody watches is read again. */
static void
read_all(Roster *roster)
{
	PresenceRoom *room;
	size_t position = 0;

	while ((room = strmap_next(&roster->model->rooms, &position)) != NULL)
	{
		if (room->watched)
			presence_set_stale(room);
	}
	roster_look(roster);
}

/* Rings in what is left of the interval, at least after so long. */
static void
ring(LoopTimer *timer, int64_t last, int64_t interval, int64_t least)
{
	int64_t rest = last + interval - clock_now_ms();

	if (!loop_timer_is_active(timer))
		loop_timer_start(timer, rest > least ? rest : least, 0);
}

/* ------------------------------------------------------------------ writing */

/* Is it the data that the database will not have, however often it is asked? */
static bool
is_about_data(const PgAnswer *answer)
{
	return answer->status == PG_ERROR && (strncmp(answer->sqlstate, "22", 2) == 0 ||
										  strncmp(answer->sqlstate, "23", 2) == 0);
}

/* What became of a batch; of one with bad data, the halves are tried. */
static PresenceOutcome
judge(Roster *roster, const PgAnswer *answer)
{
	if (answer->status == PG_ROWS)
	{
		const char *taken = pg_value(answer, 0, 0);

		roster->rows = roster->rows * 2 < WRITE_ROWS ? roster->rows * 2 : WRITE_ROWS;
		if (taken != NULL && *taken == 't')
			return PRESENCE_WRITTEN;
		roster->attached = false;
		roster_listening(roster);
		return PRESENCE_UNKNOWN;
	}
	if (answer->status == PG_ERROR)
		log_warn("presence was not written", "sqlstate=%s reason=%s", answer->sqlstate,
				 log_quote(answer->message));
	if (!is_about_data(answer))
		return PRESENCE_UNKNOWN;
	if (roster->rows == 1)
		return PRESENCE_GIVEN_UP;
	roster->rows = roster->rows / 2;
	return PRESENCE_UNKNOWN;
}

static void
on_written(void *arg, const PgAnswer *answer)
{
	Roster *roster = arg;

	roster->writing = false;
	presence_written(roster->model, judge(roster, answer));
	if (!list_is_empty(&roster->model->unwritten))
		ring(roster->write, roster->wrote_at, WRITE_INTERVAL_MS,
			 answer->status == PG_ROWS ? 0 : RETRY_MS);
}

/* Writes a batch, and what is left after the next pause. */
static void
on_write(void *arg)
{
	Roster *roster = arg;
	Buf json = {0};
	const char *values[2] = {bus_node(roster->gateway->bus), NULL};
	size_t count;

	if (roster->writing || !roster->attached || list_is_empty(&roster->model->unwritten))
		return;
	count = presence_take(roster->model, &json, roster->rows, WRITE_BYTES);
	values[1] = buf_cstr(&json);
	roster->wrote_at = clock_now_ms();
	roster->writing = pool_send(roster->gateway->pool, &pool_statements[STMT_PRESENCE],
								values, on_written, roster);
	if (roster->writing)
	{
		stats.presence_writes_total++;
		stats.presence_rows_total += (int64_t) count;
	}
	else
	{
		presence_written(roster->model, PRESENCE_UNKNOWN);
		ring(roster->write, 0, 0, RETRY_MS);
	}
	buf_free(&json);
}

/* ------------------------------------------------------------------ reading */

/* The rooms that are asked for; the rest of a crowd of them comes next. */
static void
choose_rooms(Roster *roster)
{
	ListNode *node;

	while (roster->nasked < READ_ROOMS &&
		   (node = list_pop_head(&roster->model->stale)) != NULL)
	{
		const PresenceRoom *room = list_entry(node, PresenceRoom, in_stale);

		roster->asked[roster->nasked++] = mem_strdup(room->name);
	}
	if (list_is_empty(&roster->model->stale))
		waiters_move(&roster->running, &roster->waiting);
}

/* Their names as a Postgres text[]. */
static void
append_names(const Roster *roster, Buf *out)
{
	buf_puts(out, "{");
	for (size_t i = 0; i < roster->nasked; i++)
	{
		buf_puts(out, i > 0 ? ",\"" : "\"");
		for (const char *c = roster->asked[i]; *c; c++)
		{
			if (*c == '"' || *c == '\\')
				buf_puts(out, "\\");
			buf_append(out, c, 1);
		}
		buf_puts(out, "\"");
	}
	buf_puts(out, "}");
}

static PresenceRoom *
watched_room(const Roster *roster, const char *name)
{
	PresenceRoom *room = presence_find(roster->model, name);

	return room != NULL && room->watched ? room : NULL;
}

/* One user in one room, as all the other gateways together have it. */
static void
take_row(const Roster *roster, const PgAnswer *answer, int row)
{
	PresenceRoom *room = watched_room(roster, pg_value(answer, row, 0));
	int status = atoi(pg_value(answer, row, 3));
	const PresenceElsewhere elsewhere = {
		.name = pg_value(answer, row, 2),
		.status = status < PRESENCE_AWAY ? (PresenceStatus) status : PRESENCE_AWAY,
		.meta = pg_value(answer, row, 5),
		.connections = (uint32_t) strtoul(pg_value(answer, row, 4), NULL, 10),
		.at = strtoll(pg_value(answer, row, 6), NULL, 10),
	};

	if (room != NULL && elsewhere.connections > 0)
		presence_others_say(room, pg_value(answer, row, 1), &elsewhere);
}

/* Everything that was asked for: who has no row is not there. */
static void
take_rows(Roster *roster, const PgAnswer *answer)
{
	bool lenient = loop_timer_is_active(roster->strict);

	for (size_t i = 0; i < roster->nasked; i++)
	{
		PresenceRoom *room = watched_room(roster, roster->asked[i]);

		if (room != NULL)
			presence_others_begin(room);
	}
	for (int row = 0; row < answer->nrows; row++)
		take_row(roster, answer, row);
	for (size_t i = 0; i < roster->nasked; i++)
	{
		PresenceRoom *room = watched_room(roster, roster->asked[i]);

		if (room != NULL)
			presence_others_end(room, lenient);
	}
}

/* They are asked for again. */
static void
put_back(Roster *roster)
{
	for (size_t i = 0; i < roster->nasked; i++)
	{
		PresenceRoom *room = watched_room(roster, roster->asked[i]);

		if (room != NULL)
			presence_set_stale(room);
	}
}

static void
forget_asked(Roster *roster)
{
	for (size_t i = 0; i < roster->nasked; i++)
		free(roster->asked[i]);
	roster->nasked = 0;
}

static void
on_read_answer(void *arg, const PgAnswer *answer)
{
	Roster *roster = arg;
	bool ok = answer->status == PG_ROWS;

	roster->reading = false;
	if (ok)
		take_rows(roster, answer);
	else
		put_back(roster);
	forget_asked(roster);
	waiters_release(&roster->running, ok);
	if (!list_is_empty(&roster->model->stale))
		ring(roster->read, roster->read_at, READ_INTERVAL_MS, ok ? 0 : RETRY_MS);
	roster->changed(roster->arg);
}

/* Reads the others' part of the rooms in which they have changed something. */
static void
on_read(void *arg)
{
	Roster *roster = arg;
	Buf names = {0};
	const char *values[2] = {bus_node(roster->gateway->bus), NULL};

	if (roster->reading || list_is_empty(&roster->model->stale))
		return;
	choose_rooms(roster);
	append_names(roster, &names);
	values[1] = buf_cstr(&names);
	roster->read_at = clock_now_ms();
	roster->reading = pool_send(roster->gateway->pool, &pool_statements[STMT_PRESENT],
								values, on_read_answer, roster);
	if (roster->reading)
		stats.presence_reads_total++;
	else
	{
		put_back(roster);
		forget_asked(roster);
		waiters_release(&roster->running, false);
		ring(roster->read, 0, 0, RETRY_MS);
	}
	buf_free(&names);
}

bool
roster_wait(Roster *roster, PresenceRoom *room, WaiterCallback callback, void *arg)
{
	if (!roster->attached || roster->others == 0)
		return false;
	presence_set_stale(room);
	waiters_add(&roster->waiting, callback, arg);
	loop_timer_start(roster->read, 0, 0);
	return true;
}

/* Another gateway wrote; of its channels, those that somebody watches here. */
static void
on_told(void *arg, const BusMessage *message)
{
	Roster *roster = arg;
	const char *at = message->text;
	const char *end = message->text + message->len;

	while (at < end)
	{
		const char *newline = memchr(at, '\n', (size_t) (end - at));
		size_t len = (size_t) ((newline ? newline : end) - at);
		char *name = mem_strndup(at, len);
		PresenceRoom *room = watched_room(roster, name);

		if (room != NULL)
			presence_set_stale(room);
		free(name);
		at += len + 1;
	}
	roster_look(roster);
}

void
roster_look(Roster *roster)
{
	if (!roster->writing && roster->attached && !list_is_empty(&roster->model->unwritten))
		ring(roster->write, roster->wrote_at, WRITE_INTERVAL_MS, 0);
	if (!roster->reading && !list_is_empty(&roster->model->stale))
		ring(roster->read, roster->read_at, READ_INTERVAL_MS, 0);
}

/* ---------------------------------------------------------------- attaching */

/* A number of a JSON answer. */
static int64_t
number_of(const json_t *root, const char *name)
{
	return json_integer_value(json_object_get(root, name));
}

/* What it says of the others; whose first it is, reads what they have. */
static void
note_others(Roster *roster, int64_t others)
{
	int64_t before = roster->others;

	roster->others = others;
	if (before == 0 && others > 0)
		read_all(roster);
}

static void
on_attached(void *arg, const PgAnswer *answer)
{
	Roster *roster = arg;
	json_t *root;

	roster->attaching = false;
	if (answer->status == PG_ERROR)
		log_error("cannot attach to the database", "sqlstate=%s reason=%s",
				  answer->sqlstate, log_quote(answer->message));
	if (answer->status != PG_ROWS)
		return; /* the next sweep, or the next connection, tries again */
	root = json_loads(pg_value(answer, 0, 0), 0, NULL);
	roster->attached = true;
	if (!json_is_true(json_object_get(root, "kept")))
	{
		if (roster->was_attached)
			loop_timer_start(roster->strict, roster->gateway->config.presence_grace + 1,
							 0);
		presence_forgotten(roster->model);
	}
	roster->was_attached = true;
	roster->others = number_of(root, "others");
	json_decref(root);
	read_all(roster);
}

void
roster_listening(Roster *roster)
{
	char grace[24];
	const Config *config = &roster->gateway->config;
	const char *values[3] = {bus_node(roster->gateway->bus), config->name, grace};

	snprintf(grace, sizeof(grace), "%" PRId64, config->presence_grace);
	if (!roster->attaching)
		roster->attaching =
			feed_ask(roster->gateway->feed, FEED_ATTACH, values, on_attached, roster);
}

static void
on_swept(void *arg, const PgAnswer *answer)
{
	Roster *roster = arg;
	json_t *root;

	roster->sweeping = false;
	if (answer->status == PG_ERROR)
		log_warn("cannot look after lost gateways", "sqlstate=%s reason=%s",
				 answer->sqlstate, log_quote(answer->message));
	if (answer->status != PG_ROWS)
		return;
	root = json_loads(pg_value(answer, 0, 0), 0, NULL);
	note_others(roster, number_of(root, "others"));
	if (!json_is_true(json_object_get(root, "attached")))
	{
		roster->attached = false;
		roster_listening(roster);
	}
	json_decref(root);
}

/* Looks after gateways that are lost, and shows that this one is not. */
static void
on_sweep(void *arg)
{
	Roster *roster = arg;
	const char *values[1] = {bus_node(roster->gateway->bus)};

	if (!roster->sweeping)
		roster->sweeping =
			feed_ask(roster->gateway->feed, FEED_SWEEP, values, on_swept, roster);
}

/* A gateway that was not known, or their time to write again is over: all is new. */
static void
on_news(void *arg)
{
	read_all(arg);
}

Roster *
roster_open(Gateway *gateway, Presence *model, LoopCallback changed, void *arg)
{
	Roster *roster = mem_zalloc(sizeof(Roster));
	int64_t every = gateway->config.presence_grace / 4;

	every = every < 50 ? 50 : every > SWEEP_MS ? SWEEP_MS : every;
	roster->gateway = gateway;
	roster->model = model;
	roster->changed = changed;
	roster->arg = arg;
	roster->rows = WRITE_ROWS;
	list_init(&roster->waiting);
	list_init(&roster->running);
	roster->write = loop_timer_new(on_write, roster);
	roster->read = loop_timer_new(on_read, roster);
	roster->strict = loop_timer_new(on_news, roster);
	roster->sweep = loop_timer_new(on_sweep, roster);
	loop_timer_start(roster->sweep, every, every);
	bus_on(gateway->bus, "p", on_told, roster);
	bus_on_peer(gateway->bus, on_news, roster);
	return roster;
}

void
roster_close(Roster *roster)
{
	loop_timer_free(roster->write);
	loop_timer_free(roster->read);
	loop_timer_free(roster->strict);
	loop_timer_free(roster->sweep);
	forget_asked(roster);
	waiters_release(&roster->waiting, false);
	waiters_release(&roster->running, false);
	free(roster);
}
