/*
 * pgpool.c: see pgpool.h.
 *
 * A link gets as many queries at a time as it has room for (pg_has_room()). What may
 * be slow is a call; the first link that is up never gets one (unless it is
 * alone), so that others can still connect and subscribe however many there are.
 *
 * A link that runs calls belongs to one tenant until they have ended. Others' calls
 * do not go behind them, for one slow call would hold them up; and the tenant's own
 * only while nobody else waits. A tenant holds at most links_max links. So with one
 * tenant every link is kept busy, and with several each waits for a call of another
 * at most, never for a queue of them.
 */
#include "pgpool.h"

#include "lanes.h"
#include "list.h"
#include "mem.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARAMS 8

/* One of these for each request that waits for a link; owns its values. */
typedef struct Waiting
{
	LaneItem item;
	const PgStatement *statement;
	PgCallback callback;
	void *arg;
	const char *values[MAX_PARAMS];
} Waiting;

/* One of these for each link. */
typedef struct Member
{
	PgPool *pool;
	PgLink *link;
	Lane *holder; /* whose calls it runs, NULL = nobody's */
	int calls;
	char label[16];
} Member;

struct PgPool
{
	Member *members;
	int nmembers;
	int nup;
	Lanes quick;
	Lanes slow;
	char setup[64];
	void (*changed)(void *arg);
	void *arg;
	bool closing;
};

/* One of these for each query on a link, to know when the link has room again. */
typedef struct Running
{
	Member *member;
	Lanes *lanes;
	Lane *lane;
	PgCallback callback;
	void *arg;
} Running;

static bool
has_room(const Member *member)
{
	return member->link != NULL && pg_has_room(member->link);
}

/* The first link that is up is kept for what is quick, unless it is alone. */
static bool
is_reserved(const PgPool *pool, const Member *member)
{
	if (pool->nup < 2)
		return false;
	for (const Member *m = pool->members; m < member; m++)
	{
		if (m->link != NULL && pg_is_up(m->link))
			return false;
	}
	return true;
}

/* The better one of two, the one with fewer queries. */
static Member *
emptier(Member *best, Member *member)
{
	return best == NULL || pg_in_flight(member->link) < pg_in_flight(best->link) ? member
																				 : best;
}

/* For what is quick: never behind a call, if there are other links. NULL: none. */
static Member *
choose_for_quick(PgPool *pool)
{
	Member *best = NULL;

	for (int i = 0; i < pool->nmembers; i++)
	{
		Member *member = &pool->members[i];

		if (has_room(member) &&
			(member->calls == 0 || pool->nup < 2 || is_reserved(pool, member)))
			best = emptier(best, member);
	}
	return best;
}

/* How many links the calls of one tenant may hold. */
static int64_t
links_allowed(const PgPool *pool, const Lane *lane)
{
	int64_t most = pool->nup - 2; /* all for calls but one */

	if (lane->links_max > 0)
		most = lane->links_max;
	return most > 1 ? most : 1;
}

/* For a call of this lane: a link that it holds or may take. NULL: none. */
static Member *
choose_for_call(PgPool *pool, const Lane *lane)
{
	Member *best = NULL;
	bool alone = !lanes_others_wait(&pool->slow, lane);
	bool may_take = lane->links < links_allowed(pool, lane);

	for (int i = 0; i < pool->nmembers; i++)
	{
		Member *member = &pool->members[i];

		if (!has_room(member) || is_reserved(pool, member))
			continue;
		if (member->holder == NULL ? may_take : alone && member->holder == lane)
			best = emptier(best, member);
	}
	return best;
}

/* A link that will take this, or NULL. */
static Member *
choose(PgPool *pool, const PgStatement *statement, const Lane *lane)
{
	return statement->may_be_slow ? choose_for_call(pool, lane) : choose_for_quick(pool);
}

/* The query is on the link. */
static void
note_begin(const Running *running, bool is_call)
{
	Member *member = running->member;

	running->lane->running++;
	if (!is_call || member->calls++ > 0)
		return;
	member->holder = running->lane;
	running->lane->links++;
}

/* The query has ended. */
static void
note_end(const Running *running)
{
	Member *member = running->member;

	running->lane->running--;
	if (running->lanes == &member->pool->slow && --member->calls == 0)
	{
		member->holder = NULL;
		running->lane->links--;
	}
	lanes_settle(running->lanes, running->lane);
}

/* A query has its answer; the link says when it has room for the next. */
static void
on_answer(void *arg, const PgAnswer *answer)
{
	Running running = *(Running *) arg;

	free(arg);
	note_end(&running);
	running.callback(running.arg, answer);
}

/* Sends on this link; false when it will not take it. */
static bool
run(Member *member, Lanes *lanes, Lane *lane, const PgStatement *statement,
	const char *const *values, PgCallback callback, void *arg)
{
	Running *running = mem_alloc(sizeof(Running));

	*running = (Running){member, lanes, lane, callback, arg};
	if (pg_send(member->link, statement, values, on_answer, running))
	{
		note_begin(running, statement->may_be_slow);
		return true;
	}
	free(running);
	return false;
}

/* What the lane has waited for the longest. */
static Waiting *
first_waiting(const Lane *lane)
{
	return list_entry(list_entry(lane->waiting.next, LaneItem, node), Waiting, item);
}

/* Takes the lane's first request out of the queue; freed by the caller. */
static void
take_out(Lanes *lanes, Lane *lane)
{
	lanes_take(lanes, lane);
	stats.requests_waiting--;
}

/* Gives one waiting request, of the first lane that may, to a link. */
static bool
dispatch_one(PgPool *pool, Lanes *lanes)
{
	list_foreach(node, following, &lanes->turn)
	{
		Lane *lane = list_entry(node, Lane, in_turn);
		Waiting *next = first_waiting(lane);
		Member *member = choose(pool, next->statement, lane);

		if (member == NULL && lanes == &pool->quick)
			return false; /* nor will it be for another lane */
		if (member == NULL || !run(member, lanes, lane, next->statement, next->values,
								   next->callback, next->arg))
			continue;
		take_out(lanes, lane);
		free(next);
		return true;
	}
	return false;
}

/* Connecting and subscribing first. */
static void
dispatch(PgPool *pool)
{
	while (dispatch_one(pool, &pool->quick))
		;
	while (dispatch_one(pool, &pool->slow))
		;
}

/* One allocation holds the entry and its values. */
static void
enqueue(Lanes *lanes, Lane *lane, const PgStatement *statement, const char *const *values,
		PgCallback callback, void *arg)
{
	size_t size = sizeof(Waiting);
	Waiting *waiting;
	char *at;

	for (int i = 0; i < statement->nparams; i++)
		size += values[i] ? strlen(values[i]) + 1 : 0;
	waiting = mem_zalloc(size);
	waiting->statement = statement;
	waiting->callback = callback;
	waiting->arg = arg;
	at = (char *) (waiting + 1);
	for (int i = 0; i < statement->nparams; i++)
	{
		size_t len;

		if (values[i] == NULL)
			continue;
		len = strlen(values[i]) + 1;
		waiting->values[i] = memcpy(at, values[i], len);
		at += len;
	}
	lanes_add(lanes, lane, &waiting->item);
	stats.requests_waiting++;
}

bool
pool_send_for(PgPool *pool, const char *key, int64_t links_max,
			  const PgStatement *statement, const char *const *values,
			  PgCallback callback, void *arg)
{
	Lanes *lanes = statement->may_be_slow ? &pool->slow : &pool->quick;
	Lane *lane;
	Member *member;

	if (pool->closing || pool->nup == 0)
	{
		stats.requests_unavailable_total++;
		return false;
	}
	lane = lanes_get(lanes, key);
	lane->links_max = links_max;
	member = lane->length == 0 ? choose(pool, statement, lane) : NULL;
	if (member != NULL && run(member, lanes, lane, statement, values, callback, arg))
	{
		stats.requests_total++;
		return true;
	}
	if (!lanes_have_room(lanes, lane))
	{
		stats.requests_unavailable_total++;
		lanes_settle(lanes, lane);
		return false;
	}
	stats.requests_total++;
	enqueue(lanes, lane, statement, values, callback, arg);
	return true;
}

bool
pool_send(PgPool *pool, const PgStatement *statement, const char *const *values,
		  PgCallback callback, void *arg)
{
	return pool_send_for(pool, "", 0, statement, values, callback, arg);
}

/* Nobody will serve the queue for a while: say so rather than let clients wait. */
static void
lose_waiting(Lanes *lanes)
{
	static const PgAnswer lost = {PG_LOST, 0, "08006", "no connection", NULL, NULL, NULL};

	while (!list_is_empty(&lanes->turn))
	{
		Lane *lane = list_entry(lanes->turn.next, Lane, in_turn);
		Waiting *waiting = first_waiting(lane);

		take_out(lanes, lane);
		lanes_settle(lanes, lane);
		waiting->callback(waiting->arg, &lost);
		free(waiting);
	}
}

static void
on_room(void *arg)
{
	Member *member = arg;

	if (!member->pool->closing)
		dispatch(member->pool);
}

/* One more link. */
static void
on_up(void *arg)
{
	Member *member = arg;
	PgPool *pool = member->pool;

	if (pool->nup++ == 0)
		pool->changed(pool->arg);
	dispatch(pool);
}

/* One link fewer; its queries were answered. */
static void
on_down(void *arg)
{
	Member *member = arg;
	PgPool *pool = member->pool;

	if (--pool->nup > 0)
	{
		dispatch(pool); /* nothing else need happen on the links that are left */
		return;
	}
	lose_waiting(&pool->quick);
	lose_waiting(&pool->slow);
	pool->changed(pool->arg);
}

PgPool *
pool_open(const Config *config, const PgStatement *statements, void (*changed)(void *arg),
		  void *arg)
{
	static const PgLinkHooks hooks = {on_up, on_down, NULL, on_room};
	PgPool *pool = mem_zalloc(sizeof(PgPool));

	lanes_init(&pool->quick, config->pool_queue);
	lanes_init(&pool->slow, config->pool_queue);
	pool->changed = changed;
	pool->arg = arg;
	pool->nmembers = (int) config->pool_size;
	pool->members = mem_zalloc((size_t) pool->nmembers * sizeof(Member));
	snprintf(pool->setup, sizeof(pool->setup), "SET statement_timeout = %d",
			 (int) config->query_timeout);
	for (int i = 0; i < pool->nmembers; i++)
	{
		Member *member = &pool->members[i];

		member->pool = pool;
		snprintf(member->label, sizeof(member->label), "pool-%d", i + 1);
		member->link = pg_open(config, PG_REQUESTS, member->label, pool->setup,
							   statements, &hooks, member);
	}
	return pool;
}

void
pool_close(PgPool *pool)
{
	pool->closing = true;
	for (int i = 0; i < pool->nmembers; i++)
		pg_close(pool->members[i].link);
	lose_waiting(&pool->quick);
	lose_waiting(&pool->slow);
	lanes_free(&pool->quick);
	lanes_free(&pool->slow);
	free(pool->members);
	free(pool);
}

bool
pool_is_up(const PgPool *pool)
{
	return pool->nup > 0;
}

/* Of the links from first on that are up, the shortest silence. */
static int64_t
shortest_silence(const PgPool *pool, int first, int end)
{
	int64_t shortest = INT64_MAX;

	for (int i = first; i < end; i++)
	{
		const PgLink *link = pool->members[i].link;
		int64_t silence;

		if (link == NULL || !pg_is_up(link))
			continue;
		silence = pg_silence(link);
		if (silence < shortest)
			shortest = silence;
	}
	return shortest == INT64_MAX ? 0 : shortest;
}

int64_t
pool_longest_wait(const PgPool *pool)
{
	int64_t quick = shortest_silence(pool, 0, pool->nmembers);
	int64_t slow = shortest_silence(pool, pool->nmembers > 1 ? 1 : 0, pool->nmembers);

	return quick > slow ? quick : slow;
}
