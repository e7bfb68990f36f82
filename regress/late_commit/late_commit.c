/*
 * late_commit.c: holds a commit where everybody sees it already and nobody has been told
 * yet to forget what they have in their caches, for as long as the file late_commit.file
 * exists. For regress/t/033_rights_at_commit.t: LOAD it in one session.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xact.h"
#include "fmgr.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

static char *file = NULL;

static void
hold(XactEvent event, void *arg)
{
	(void) arg;
	if (event != XACT_EVENT_COMMIT || !TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return;
	while (file != NULL && *file != '\0' && access(file, F_OK) == 0)
		pg_usleep(1000);
}

void _PG_init(void);

void
_PG_init(void)
{
	DefineCustomStringVariable("late_commit.file",
							   "Commits wait while this file is there.", NULL, &file, "",
							   PGC_SUSET, 0, NULL, NULL, NULL);
	RegisterXactCallback(hold, NULL);
}
