/*
 * audit_writer.h
 *	  The partition of wrk.audit_log that takes new rows, and its indexes, open.
 */
#ifndef WRK_AUDIT_WRITER_H
#define WRK_AUDIT_WRITER_H

#include "wrk_copilot.h"
#include "nodes/execnodes.h"
#include "utils/timestamp.h"

/* One of these for each partition that is open; lives in its estate's context. */
typedef struct AuditWriter
{
	Relation rel;
	Oid sequence;          /* of ids */
	ResultRelInfo *result; /* its indexes */
	EState *estate;
	TupleTableSlot *slot; /* the row about to be written; one of a kept writer only */
} AuditWriter;

extern void audit_writer_init(void);

/* the writer for rows of that time, locked until the transaction ends */
extern AuditWriter *audit_writer_open(TimestampTz now);

/* puts the row of n values and nulls into the partition and its indexes */
extern void audit_writer_insert(AuditWriter *writer, const Datum *values,
								const bool *nulls, int n);

/* to be called after each row; no error may be between, but one that is passed on */
extern void audit_writer_done(AuditWriter *writer);

#endif /* WRK_AUDIT_WRITER_H */
