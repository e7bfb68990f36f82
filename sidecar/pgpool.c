/*
 * pgpool.c: see pgpool.h.
 *
 * A link gets at most DEPTH queries at a time: enough to hide the round trip,
 * few enough that one slow query does not hold up many. What may be slow never
 * gets the first link (unless it is alone) and waits in a queue of its own:
 * however many calls a user makes, others can still connect and subscribe.
 */
#include "pgpool.h"

#include "list.h"
#include "mem.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 4
#define MAX_PARAMS 8

/* One of these for each request that waits for a link; owns its values. */
typedef struct Waiting
{
	ListNode node;
	const PgStatement *statement;
	PgCallback callback;
	void *arg;
	const char *values[MAX_PARAMS];
} Waiting;

/* Requests that wait for a link, first come first served. */
typedef struct Queue
{
	List waiting;
	int64_t length;
} Queue;

/* One of these for each link. */
typedef struct Member
{
	PgPool *pool;
	PgLink *link;
	char label[16];
} Member;

struct PgPool
{
	Member *members;
	int nmembers;
	int nup;
	int64_t queue_max;
	Queue quick;
	Queue slow;
	char setup[64];
	void (*changed)(void *arg);
	void *arg;
	bool closing;
};

/* One of these for each query on a link, to know when the link has room again. */
typedef struct Running
{
	PgPool *pool;
	PgCallback callback;
	void *arg;
} Running;

static void dispatch(PgPool *pool);

/* A link has room again. */
static void
on_answer(void *arg, const PgAnswer *answer)
{
	Running *running = arg;
	PgPool *pool = running->pool;
	PgCallback callback = running->callback;
	void *callback_arg = running->arg;

	free(running);
	callback(callback_arg, answer);
	if (!pool->closing)
		dispatch(pool);
}

/* The link that is up and has the fewest queries; NULL when all are full. */
static PgLink *
choose_link(const PgPool *pool, const PgStatement *statement)
{
	PgLink *best = NULL;
	int first = statement->may_be_slow && pool->nup > 1 ? 1 : 0;

	for (int i = first; i < pool->nmembers; i++)
	{
		PgLink *link = pool->members[i].link;

		if (link == NULL || !pg_is_up(link) || pg_in_flight(link) >= DEPTH)
			continue;
		if (best == NULL || pg_in_flight(link) < pg_in_flight(best))
			best = link;
	}
	return best;
}

/* Sends on this link; false when it will not take it. */
static bool
run(PgPool *pool, PgLink *link, const PgStatement *statement, const char *const *values,
	PgCallback callback, void *arg)
{
	Running *running = mem_alloc(sizeof(Running));

	*running = (Running){pool, callback, arg};
	if (pg_send(link, statement, values, on_answer, running))
		return true;
	free(running);
	return false;
}

/* Gives waiting requests to links that have room. */
static void
dispatch_queue(PgPool *pool, Queue *queue)
{
	while (!list_is_empty(&queue->waiting))
	{
		Waiting *next = list_entry(queue->waiting.next, Waiting, node);
		PgLink *link = choose_link(pool, next->statement);

		if (link == NULL ||
			!run(pool, link, next->statement, next->values, next->callback, next->arg))
			return;
		list_remove(&next->node);
		queue->length--;
		free(next);
	}
}

/* Connecting and subscribing first. */
static void
dispatch(PgPool *pool)
{
	dispatch_queue(pool, &pool->quick);
	dispatch_queue(pool, &pool->slow);
}

/* One allocation holds the entry and its values. */
static void
enqueue(Queue *queue, const PgStatement *statement, const char *const *values,
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
	list_push_tail(&queue->waiting, &waiting->node);
	queue->length++;
}

bool
pool_send(PgPool *pool, const PgStatement *statement, const char *const *values,
		  PgCallback callback, void *arg)
{
	Queue *queue = statement->may_be_slow ? &pool->slow : &pool->quick;
	PgLink *link;

	if (pool->closing || pool->nup == 0 || queue->length >= pool->queue_max)
	{
		stats.requests_unavailable_total++;
		return false;
	}
	stats.requests_total++;
	link = list_is_empty(&queue->waiting) ? choose_link(pool, statement) : NULL;
	if (link == NULL || !run(pool, link, statement, values, callback, arg))
		enqueue(queue, statement, values, callback, arg);
	return true;
}

/* Nobody will serve the queue for a while: say so rather than let clients wait. */
static void
lose_waiting(Queue *queue)
{
	static const PgAnswer lost = {PG_LOST, 0, "08006", "no connection", NULL, NULL};
	ListNode *node;

	while ((node = list_pop_head(&queue->waiting)) != NULL)
	{
		Waiting *waiting = list_entry(node, Waiting, node);

		queue->length--;
		waiting->callback(waiting->arg, &lost);
		free(waiting);
	}
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
	static const PgLinkHooks hooks = {on_up, on_down, NULL};
	PgPool *pool = mem_zalloc(sizeof(PgPool));

	list_init(&pool->quick.waiting);
	list_init(&pool->slow.waiting);
	pool->queue_max = config->pool_queue;
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
		member->link =
			pg_open(config, member->label, pool->setup, statements, &hooks, member);
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
	free(pool->members);
	free(pool);
}

bool
pool_is_up(const PgPool *pool)
{
	return pool->nup > 0;
}
