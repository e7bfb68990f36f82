/*
 * doorbell_queue.c
 *	  The bell of job queues: a NOTIFY wrk_job with the name of a queue.
 *
 * It is rung as that of events is (doorbell.c), and tells which queue has work:
 * a database's slot has a table of names, in which a queue gets a place when it
 * first rings, and keeps it.  A committer sets the bits of its queues; the worker
 * takes all bits and notifies once for each.  Where there is no place left the
 * last bit stands for all queues, and the payload is empty.
 *
 * Must stay true: a bit is set after its name is there and the commit is visible;
 * the worker takes the bits before it reads names and rings.
 */
#include "doorbell_shared.h"

#include "commands/async.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define ANY_QUEUE (UINT64CONST(1) << DOORBELL_MAX_QUEUES)

/* names of queues this transaction has left jobs in, in its memory */
static List *marked = NIL;

PG_FUNCTION_INFO_V1(wrk_job_ring);


void
doorbell_queue_mark(const char *queue)
{
	MemoryContext old;
	ListCell *cell;

	foreach (cell, marked)
		if (strcmp(lfirst(cell), queue) == 0)
			return;
	old = MemoryContextSwitchTo(TopTransactionContext);
	marked = lappend(marked, pstrdup(queue));
	MemoryContextSwitchTo(old);
}

bool
doorbell_queues_marked(void)
{
	return marked != NIL;
}

/* their memory goes with the transaction */
void
doorbell_queues_forget(void)
{
	marked = NIL;
}

void
doorbell_queues_notify(void)
{
	ListCell *cell;

	foreach (cell, marked)
		Async_Notify(DOORBELL_QUEUE_CHANNEL, lfirst(cell));
}

/* bit of a queue, which gets a place if there is one; the slot's mutex is held */
static uint64
bit_of_queue(DoorbellSlot *slot, const char *queue)
{
	for (int i = 0; i < DOORBELL_MAX_QUEUES; i++)
	{
		if (slot->queues[i][0] == '\0' && queue[0] != '\0' && strlen(queue) < NAMEDATALEN)
			strlcpy(slot->queues[i], queue, NAMEDATALEN);
		if (strcmp(slot->queues[i], queue) == 0)
			return UINT64CONST(1) << i;
	}
	return ANY_QUEUE;
}

static void
ring(DoorbellSlot *slot, uint64 bits)
{
	Latch *latch;

	if ((pg_atomic_fetch_or_u64(&slot->queues_pending, bits) & bits) == bits)
		return; /* somebody has woken the worker and it has not looked yet */
	SpinLockAcquire(&slot->mutex);
	latch = slot->latch;
	SpinLockRelease(&slot->mutex);
	/* should the worker have died by now, the next one rings when it starts */
	if (latch != NULL)
		SetLatch(latch);
}

void
doorbell_queues_ring(DoorbellSlot *slot)
{
	uint64 bits = 0;
	ListCell *cell;

	if (slot == NULL || marked == NIL)
		return;
	SpinLockAcquire(&slot->mutex);
	foreach (cell, marked)
		bits |= bit_of_queue(slot, lfirst(cell));
	SpinLockRelease(&slot->mutex);
	ring(slot, bits);
}

void
doorbell_queues_ring_any(DoorbellSlot *slot)
{
	ring(slot, ANY_QUEUE);
}

uint64
doorbell_queues_take(DoorbellSlot *slot)
{
	return pg_atomic_exchange_u64(&slot->queues_pending, 0);
}

void
doorbell_queues_notify_bits(DoorbellSlot *slot, uint64 bits)
{
	for (int i = 0; i < DOORBELL_MAX_QUEUES; i++)
		if (bits & (UINT64CONST(1) << i))
		{
			char queue[NAMEDATALEN];

			SpinLockAcquire(&slot->mutex);
			strlcpy(queue, slot->queues[i], NAMEDATALEN);
			SpinLockRelease(&slot->mutex);
			Async_Notify(DOORBELL_QUEUE_CHANNEL, queue);
		}
	if (bits & ANY_QUEUE)
		Async_Notify(DOORBELL_QUEUE_CHANNEL, "");
}

Datum
wrk_job_ring(PG_FUNCTION_ARGS)
{
	doorbell_queue_mark(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}
