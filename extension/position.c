/*
 * position.c
 *	  Positions: where in the stream of events somebody is.
 *
 * A position is a snapshot.  What its holder has not seen are the events of
 * exactly those transactions that the snapshot calls unfinished, in whatever
 * order they commit.  Transaction ids mean something only on the server that
 * gave them out, hence the epoch (system identifier and timeline) in front.
 *
 * Must stay true: (1) a position never calls a transaction finished whose id
 * could be given out again.  Nobody waits for the commit record of an
 * asynchronous commit or for an abort record to reach the disk; after a crash
 * their ids would be used once more and the new events would count as seen.
 * So the log is flushed before a position leaves (position_make_durable()).
 * (2) A position never calls the transaction that asks for it finished: it may
 * yet emit.
 */
#include "position.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog_internal.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "event_store.h"

/* room for every transaction a server can run at once, and an end to parsing */
#define POSITION_MAX_LEN (512 * 1024)

PG_FUNCTION_INFO_V1(wrk_epoch);
PG_FUNCTION_INFO_V1(wrk_position);
PG_FUNCTION_INFO_V1(wrk_position_snapshot);
PG_FUNCTION_INFO_V1(wrk_event_recoverable);


/* ---------- snapshots ---------- */

/* reads decimal digits, at least one; false on anything else or overflow */
static bool
parse_xid(const char **p, uint64 *xid)
{
	const char *start = *p;

	*xid = 0;
	for (; **p >= '0' && **p <= '9'; (*p)++)
	{
		uint64 digit = **p - '0';

		if (*xid > (PG_UINT64_MAX - digit) / 10)
			return false;
		*xid = *xid * 10 + digit;
	}
	return *p > start;
}

static int
count_commas(const char *p)
{
	int n = 0;

	for (; *p; p++)
		n += (*p == ',');
	return n;
}

XidSnapshot *
snapshot_parse(const char *text)
{
	XidSnapshot *snap =
		palloc(offsetof(XidSnapshot, xip) + (count_commas(text) + 1) * sizeof(uint64));
	const char *p = text;
	uint64 last = 0;

	snap->nxip = 0;
	if (!parse_xid(&p, &snap->xmin) || *p++ != ':' || !parse_xid(&p, &snap->xmax) ||
		*p++ != ':' || snap->xmin == 0 || snap->xmin > snap->xmax)
		return NULL;
	while (*p)
	{
		uint64 xid;

		if (!parse_xid(&p, &xid) || xid < snap->xmin || xid >= snap->xmax || xid <= last)
			return NULL;
		if (*p != '\0' && (*p++ != ',' || *p == '\0'))
			return NULL;
		last = snap->xip[snap->nxip++] = xid;
	}
	return snap;
}

XidSnapshot *
snapshot_from_datum(Datum snapshot)
{
	char *text = DatumGetCString(DirectFunctionCall1(pg_snapshot_out, snapshot));
	XidSnapshot *snap = snapshot_parse(text);

	if (snap == NULL)
		elog(ERROR, "unexpected snapshot \"%s\"", text);
	return snap;
}

/* index of the first unfinished transaction >= xid, nxip if there is none */
static int
xip_lower_bound(const XidSnapshot *snap, uint64 xid)
{
	int low = 0;
	int high = snap->nxip;

	while (low < high)
	{
		int mid = low + (high - low) / 2;

		if (snap->xip[mid] < xid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint64
snapshot_next_unseen(const XidSnapshot *snap, uint64 xid)
{
	int i;

	if (xid >= snap->xmax)
		return xid;
	i = xip_lower_bound(snap, xid);
	return i < snap->nxip ? snap->xip[i] : snap->xmax;
}

bool
snapshot_sees(const XidSnapshot *snap, uint64 xid)
{
	return snapshot_next_unseen(snap, xid) != xid;
}

void
snapshot_append_current(StringInfo buf)
{
	XidSnapshot *snap =
		snapshot_from_datum(DirectFunctionCall1(pg_current_snapshot, (Datum) 0));
	uint64 own = U64FromFullTransactionId(GetTopFullTransactionIdIfAny());
	bool insert_own = own != 0 && own < snap->xmax && snapshot_sees(snap, own);
	const char *separator = "";

	appendStringInfo(buf, UINT64_FORMAT ":" UINT64_FORMAT ":",
					 insert_own ? Min(own, snap->xmin) : snap->xmin, snap->xmax);
	for (int i = 0; i <= snap->nxip; i++)
	{
		if (insert_own && (i == snap->nxip || own < snap->xip[i]))
		{
			appendStringInfo(buf, "%s" UINT64_FORMAT, separator, own);
			separator = ",";
			insert_own = false;
		}
		if (i < snap->nxip)
			appendStringInfo(buf, "%s" UINT64_FORMAT, separator, snap->xip[i]);
		separator = ",";
	}
}


/* ---------- positions ---------- */

void
position_make_durable(void)
{
	XLogRecPtr lsn;

	if (RecoveryInProgress())
		return;

	/*
	 * This is where the next record will begin.  Right after a page header
	 * means that the last one ended where the page did; flushing further than
	 * that is an error.
	 */
	lsn = GetXLogInsertRecPtr();
	if (XLogSegmentOffset(lsn, wal_segment_size) == SizeOfXLogLongPHD)
		lsn -= SizeOfXLogLongPHD;
	else if (lsn % XLOG_BLCKSZ == SizeOfXLogShortPHD)
		lsn -= SizeOfXLogShortPHD;
	XLogFlush(lsn);
}

/* palloc'd name of this server and this stretch of its history */
static char *
epoch(void)
{
	return psprintf("%016" INT64_MODIFIER "x-%u", GetSystemIdentifier(), wrk_timeline());
}

/* the snapshot's text in a position; error if it is none, NULL if of another epoch */
static const char *
position_cut(const char *position, XidSnapshot **snap)
{
	const char *dot = strchr(position, '.');
	char *here = epoch();

	*snap = NULL;
	if (dot != NULL && strlen(position) <= POSITION_MAX_LEN)
		*snap = snapshot_parse(dot + 1);
	if (*snap == NULL)
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST), errmsg("malformed position"),
						errhint("Use a position as the server gave it.")));
	if (strlen(here) != dot - position || memcmp(here, position, dot - position) != 0)
		return NULL;
	return dot + 1;
}

/*
 * Whether the position is of this epoch, not of a future that a restored server
 * has not reached, and every event its holder misses is still there.
 */
static bool
position_recoverable(const char *position, const char **snapshot_text)
{
	XidSnapshot *snap;

	*snapshot_text = position_cut(position, &snap);
	return *snapshot_text != NULL &&
		   snap->xmax <= U64FromFullTransactionId(ReadNextFullTransactionId()) &&
		   event_store_keeps(snap);
}

Datum
wrk_epoch(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(epoch()));
}

Datum
wrk_position(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	/* a standby's snapshots leave out running transactions when cast into this form */
	if (RecoveryInProgress())
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("a position cannot be taken during recovery"),
						errhint("Ask the primary.")));
	initStringInfo(&buf);
	appendStringInfo(&buf, "%s.", epoch());
	snapshot_append_current(&buf);
	position_make_durable();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf.data, buf.len));
}

Datum
wrk_position_snapshot(PG_FUNCTION_ARGS)
{
	const char *snapshot_text;

	wrk_require_arg(fcinfo, 0, "position");
	if (!position_recoverable(wrk_text_arg(fcinfo, 0), &snapshot_text))
		ereport(
			ERROR,
			(errcode(ERRCODE_WRK_UNRECOVERABLE),
			 errmsg("nothing can be replayed from this position"),
			 errdetail("It is of another server or older than the events that are kept."),
			 errhint("Read the current state and go on from its position.")));
	PG_RETURN_DATUM(DirectFunctionCall1(pg_snapshot_in, CStringGetDatum(snapshot_text)));
}

Datum
wrk_event_recoverable(PG_FUNCTION_ARGS)
{
	const char *snapshot_text;

	PG_RETURN_BOOL(
		position_recoverable(text_to_cstring(PG_GETARG_TEXT_PP(0)), &snapshot_text));
}
