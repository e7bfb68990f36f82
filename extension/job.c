/*
 * job.c
 *	  Where a session looks for jobs: how often from the beginning of a queue.
 *
 * Under a transaction that lasts, vacuum cannot remove what claims have left
 * behind in the index of ready jobs, and whoever claims would walk over all of it
 * each time.  So a session remembers, for each queue and priority, up to which id it
 * has found nothing, and goes on from there.  Below that, a job can turn up later:
 * one whose transaction committed after those of greater ids, one that was delayed
 * or failed, one whose claim was rolled back.  To find these a session looks through
 * everything now and then: again only after 20 times the time it took, so that it
 * costs at most a twentieth of a worker's time, whatever there is to walk over.  In
 * a table that is vacuumed that is every other millisecond.
 *
 * Must stay true: what is remembered only says where not to look first.  It is
 * forgotten when a transaction is rolled back, for its claims become free.
 * Durations are taken from a clock that nobody sets.
 */
#include "wrk_copilot.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "job.h"

#define PRIORITY_MIN (-10)
#define PRIORITY_MAX 10
#define PRIORITIES (PRIORITY_MAX - PRIORITY_MIN + 1)

/* ids of transactions under way are this close to the newest one as a rule */
#define ID_MARGIN 500
/* looking through everything once in so many times the time it takes */
#define SCAN_SHARE 20
/* if it takes less, who has found nothing looks through everything at once */
#define SCAN_CHEAP_US 20000
#define SCAN_PAUSE_MAX_US (10 * 1000 * 1000)

/* one of these for each queue this session claims from, in its hash table */
typedef struct Scan
{
	char queue[NAMEDATALEN]; /* key */
	int64 low[PRIORITIES];   /* no job up to this id, greatest priority first */
	int64 newest;            /* id when the scan under way began */
	bool full;               /* it looks through everything */
	instr_time began;
	instr_time full_ended;
	uint64 full_us; /* how long the last full one took; 0 = there was none */
} Scan;

static HTAB *scans = NULL;

PG_FUNCTION_INFO_V1(wrk_job_scan_begin);
PG_FUNCTION_INFO_V1(wrk_job_scan_end);


static void
forget_scans(void)
{
	if (scans != NULL)
		hash_destroy(scans);
	scans = NULL;
}

static void
job_xact_callback(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		forget_scans();
}

static void
job_subxact_callback(SubXactEvent event, SubTransactionId mine, SubTransactionId parent,
					 void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		forget_scans();
}

void
job_init(void)
{
	RegisterXactCallback(job_xact_callback, NULL);
	RegisterSubXactCallback(job_subxact_callback, NULL);
}

/* the queue's, made if there is none */
static Scan *
scan_of(text *queue)
{
	char name[NAMEDATALEN] = {0};
	Scan *scan;
	bool found;

	if (VARSIZE_ANY_EXHDR(queue) >= NAMEDATALEN)
		elog(ERROR, "name of queue is too long");
	text_to_cstring_buffer(queue, name, NAMEDATALEN);
	if (scans == NULL)
	{
		HASHCTL control = {.keysize = NAMEDATALEN, .entrysize = sizeof(Scan)};

		scans =
			hash_create("wrk_copilot job scans", 8, &control, HASH_ELEM | HASH_STRINGS);
	}
	scan = hash_search(scans, name, HASH_ENTER, &found);
	if (!found)
		memset((char *) scan + NAMEDATALEN, 0, sizeof(Scan) - NAMEDATALEN);
	return scan;
}

/* microseconds from one time to another */
static uint64
elapsed_us(instr_time from, instr_time to)
{
	INSTR_TIME_SUBTRACT(to, from);
	return INSTR_TIME_GET_MICROSEC(to);
}

/* of a job, 0 if there never was one */
static int64
newest_id(void)
{
	bool isnull;
	Datum id = wrk_call1(F_PG_SEQUENCE_LAST_VALUE,
						 ObjectIdGetDatum(wrk_relation("job_id_seq")), &isnull);

	return isnull ? 0 : DatumGetInt64(id);
}

static bool
full_is_due(Scan *scan, instr_time now, bool found_nothing)
{
	if (scan->full_us == 0)
		return true;
	if (found_nothing && scan->full_us < SCAN_CHEAP_US)
		return true;
	return elapsed_us(scan->full_ended, now) >=
		   Min(scan->full_us * SCAN_SHARE, SCAN_PAUSE_MAX_US);
}

Datum
wrk_job_scan_begin(PG_FUNCTION_ARGS)
{
	Scan *scan = scan_of(PG_GETARG_TEXT_PP(0));
	bool found_nothing = PG_GETARG_BOOL(1);
	Datum low[PRIORITIES];

	INSTR_TIME_SET_CURRENT(scan->began);
	scan->full = full_is_due(scan, scan->began, found_nothing);
	scan->newest = newest_id();
	if (scan->full)
		PG_RETURN_NULL();
	for (int i = 0; i < PRIORITIES; i++)
		low[i] = Int64GetDatum(scan->low[i]);
	PG_RETURN_ARRAYTYPE_P(
		construct_array(low, PRIORITIES, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/*
 * Up to the last job that was picked everything was looked at, and all of it if
 * none was the last.
 */
Datum
wrk_job_scan_end(PG_FUNCTION_ARGS)
{
	Scan *scan = scan_of(PG_GETARG_TEXT_PP(0));
	bool all = PG_ARGISNULL(1);
	int last_priority = all ? PRIORITY_MIN - 1 : PG_GETARG_INT32(1);

	for (int i = 0; i < PRIORITIES && PRIORITY_MAX - i >= last_priority; i++)
		scan->low[i] = PRIORITY_MAX - i > last_priority
						   ? Max(scan->low[i], scan->newest - ID_MARGIN)
						   : Max(scan->low[i], PG_GETARG_INT64(2));
	if (scan->full)
	{
		INSTR_TIME_SET_CURRENT(scan->full_ended);
		scan->full_us = Max(elapsed_us(scan->began, scan->full_ended), 1);
		scan->full = false;
	}
	PG_RETURN_VOID();
}
