/*
 * history_blame.h
 *	  Which change made each leaf of a row what it is.
 *
 * A leaf is a value that is neither an object with members nor a keyed array
 * (json_keyed.h) with elements.  It belongs to the last change after which there
 * was something else at its path than before, or nothing before; values are the
 * same if their bytes are.  A member and an element of the same name, or elements
 * "1" and 1, are different steps of a path.
 *
 * Pure: begin with the row as it is, then give the changes, the newest first.
 */
#ifndef WRK_HISTORY_BLAME_H
#define WRK_HISTORY_BLAME_H

#include "json_tree.h"

typedef struct Blame Blame;

/*
 * row is an object, column -> value, JSON null for SQL NULL; only to be read from
 * now on.  Of it, what is at or below the path is looked at: names of members, and
 * ids of elements as text.
 */
extern Blame *blame_begin(JsonNode *row, char *const *path, int npath);

/* leaves that have no change yet */
extern int blame_open(const Blame *blame);

/*
 * An update: changes as wrk.audit_log has them, who as blame_leaves() is to say.
 * Error: bad_request for a diff that is none.
 */
extern void blame_update(Blame *blame, JsonNode *changes, const void *who);

/* what is left came with the row */
extern void blame_insert(Blame *blame, const void *who);

/* path is an array of names and ids; who NULL: no change that was given */
typedef void (*BlameReceiver)(void *arg, JsonNode *path, const void *who);

/* the leaves in the order of the document */
extern void blame_leaves(const Blame *blame, BlameReceiver receiver, void *arg);

#endif /* WRK_HISTORY_BLAME_H */
