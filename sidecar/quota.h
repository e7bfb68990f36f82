/*
 * quota.h: what is counted of a user, a tenant or an address (layer 1).
 *
 * What must stay true: a Quota is kept while a connection or a request at the database
 * needs it, and after that until leaving and coming back gains nothing: a minute, or
 * the end of a ban. Those who only are remembered are at most QUOTAS_REMEMBERED of a
 * table, the longest unseen goes first, so nobody can make the tables grow for ever.
 */
#ifndef WRK_QUOTA_H
#define WRK_QUOTA_H

#include "list.h"
#include "ratelimit.h"
#include "strmap.h"

#include <stdbool.h>
#include <stdint.h>

#define QUOTAS_REMEMBERED 4096
#define QUOTA_MINUTE_MS 60000                   /* buckets are full again after it */
#define QUOTA_STRIKES_MS (10 * QUOTA_MINUTE_MS) /* and strikes forgotten */

struct LimitValues; /* limits.h */

/* One of these for each user, tenant or address there is; owned by its table. */
typedef struct Quota
{
	ListNode in_idle; /* linked while nobody is there */
	struct QuotaTable *table;
	uint32_t users;       /* connections and requests that need it */
	uint32_t connections; /* of them connections */
	uint32_t strangers;   /* of those, nobody yet; addresses only */
	uint32_t requests;    /* at the database, or waiting for it */
	int64_t idle_since;
	int64_t banned_until;
	Bucket strikes;
	Bucket *buckets;         /* as many as the table says; NULL: all are full */
	struct LimitValues *own; /* of a tenant, see limits.h; NULL: none */
	char key[];
} Quota;

/* One of these for users, one for tenants, one for addresses. */
typedef struct QuotaTable
{
	StrMap map;
	List idle; /* the longest unseen first */
	uint32_t nidle;
	int nbuckets; /* of each of its quotas */
} QuotaTable;

extern void quota_table_init(QuotaTable *table, int nbuckets);

/* All connections and requests must be gone. */
extern void quota_table_free(QuotaTable *table);

/* Forgets who has been away for long enough. */
extern void quota_table_sweep(QuotaTable *table, int64_t now_ms);

/* Adds a user of the quota, made when it is the first; one user fewer. */
extern Quota *quota_hold(QuotaTable *table, const char *key);
extern void quota_drop(Quota *quota, int64_t now_ms);

/* To take from; who does nothing has none. */
extern Bucket *quota_bucket(Quota *quota, int which);

#endif
