/*
 * pgtarget.h: where a database link leads (layer 3).
 *
 * libpq looks names up itself, and everybody waits while a name server does not
 * answer. So names of hosts in a connection string are looked up beside the loop,
 * and libpq is given addresses; everything else of the string is left to it. What
 * must stay true: the callback comes once, never from inside pg_target_find(), or
 * not at all after pg_target_free().
 */
#ifndef WRK_PGTARGET_H
#define WRK_PGTARGET_H

typedef struct PgTarget PgTarget;

/* NULL members: libpq knows better. All of them lists of the same length. */
typedef struct PgAddresses
{
	const char *host;
	const char *hostaddr;
	const char *port;
} PgAddresses;

/* addresses is NULL when no name could be looked up, and error says why. */
typedef void (*PgTargetCallback)(void *arg, const PgAddresses *addresses,
								 const char *error);

extern PgTarget *pg_target_find(const char *conninfo, PgTargetCallback found, void *arg);
extern void pg_target_free(PgTarget *target);

#endif
