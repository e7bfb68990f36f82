/*
 * trace.h: what became of requests, for metrics and log (layer 3).
 *
 * At level debug the log has a line for each call: who, what, which answer, how
 * long. A method is named in the metrics only if the database knows it, see meter.h.
 */
#ifndef WRK_TRACE_H
#define WRK_TRACE_H

#include "request.h"

/* The database has answered a call, or will not. */
extern void trace_called(const Pending *pending, const PgAnswer *answer);

#endif
