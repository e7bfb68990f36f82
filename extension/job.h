/*
 * job.h
 *	  Where a session looks for jobs.
 */
#ifndef WRK_JOB_H
#define WRK_JOB_H

/* from _PG_init: what is remembered ends with a rollback */
extern void job_init(void);

#endif /* WRK_JOB_H */
