/*
 * seal_verify.h
 *	  What the files of wrk.audit_verify() share.
 */
#ifndef WRK_SEAL_VERIFY_H
#define WRK_SEAL_VERIFY_H

#include "seal_key.h"
#include "seal_store.h"

/* The first thing that does not fit; problem is NULL as long as everything does. */
typedef struct SealProblem
{
	const char *problem;
	int64 seal;     /* 0: none in particular */
	int64 audit_id; /* 0: none in particular */
	char *detail;
} SealProblem;

/* ids of a stretch that retention has dropped, upto excluded */
typedef struct DroppedRange
{
	int64 from;
	int64 upto;
} DroppedRange;

/* One per call of wrk.audit_verify(); lives in its SPI context. */
typedef struct Verifier
{
	char *tenant;
	bool whole; /* all of the log, not a stretch of time */
	TimestampTz from;
	TimestampTz upto;
	SealLog log;
	bool log_fits; /* log was read and makes sense */
	DroppedRange *dropped_ranges;
	int ndropped_ranges;
	List *keys; /* of SealKey, those used so far */

	/* how far we have got */
	int64 first_seq;
	int64 seq;     /* of the seal before */
	SealHash hash; /* of its head */
	SealTail tree; /* with it */
	SealTail before;

	MemoryContext context;
	MemoryContext batch_context;
	MemoryContext row_context;
	int64 seals;
	int64 rows;
	int64 dropped;
	SealProblem found;
} Verifier;

/* notes a problem unless there is one already; detail is formatted */
extern void seal_problem(Verifier *v, const char *problem, int64 seal, int64 audit_id,
						 const char *detail, ...) pg_attribute_printf(5, 6);

/* condition that a row l is of the log of $1 */
extern const char *seal_row_filter(const Verifier *v);

/*
 * Entries of a tile, from wrk.audit_tile or the tail of the log; returns how many are
 * known.
 */
extern int seal_verify_tile(Verifier *v, int level, uint64 tile, SealHash *hashes);

/* learns what retention has dropped */
extern void seal_verify_read_dropped(Verifier *v);

/*
 * Checks rows and tiles of seals that follow each other, whose heads were found to
 * fit, and counts them.
 */
extern void seal_verify_leaves(Verifier *v, Seal **seals, int nseals);

#endif /* WRK_SEAL_VERIFY_H */
