/*
 * quota.c: see quota.h.
 */
#include "quota.h"

#include "mem.h"
#include "stats.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void
quota_table_init(QuotaTable *table, int nbuckets)
{
	*table = (QuotaTable){.nbuckets = nbuckets};
	list_init(&table->idle);
}

static Quota *
quota_new(QuotaTable *table, const char *key)
{
	size_t size = strlen(key) + 1;
	Quota *quota = mem_zalloc(sizeof(Quota) + size);

	list_init(&quota->in_idle);
	quota->table = table;
	memcpy(quota->key, key, size);
	strmap_add(&table->map, quota->key, quota);
	stats.quotas++;
	return quota;
}

static void
quota_free(Quota *quota)
{
	if (list_is_linked(&quota->in_idle))
		quota->table->nidle--;
	list_remove(&quota->in_idle);
	strmap_remove(&quota->table->map, quota->key);
	free(quota->own);
	free(quota->buckets);
	free(quota);
	stats.quotas--;
}

Quota *
quota_hold(QuotaTable *table, const char *key)
{
	Quota *quota = strmap_get(&table->map, key);

	if (quota == NULL)
		quota = quota_new(table, key);
	if (list_is_linked(&quota->in_idle))
	{
		list_remove(&quota->in_idle);
		table->nidle--;
	}
	quota->users++;
	return quota;
}

/* Does it remember anything that a new one would not know? */
static bool
is_worth_keeping(const Quota *quota, int64_t now_ms)
{
	if (quota->banned_until > now_ms || quota->strikes.spent > 0)
		return true;
	for (int i = 0; quota->buckets != NULL && i < quota->table->nbuckets; i++)
	{
		const Bucket *bucket = &quota->buckets[i];

		if (bucket->spent > 0 && now_ms - bucket->seen_ms < QUOTA_MINUTE_MS)
			return true;
	}
	return false;
}

/* Puts what nobody uses at the end of those who are remembered. */
static void
remember(Quota *quota, int64_t now_ms)
{
	QuotaTable *table = quota->table;

	quota->idle_since = now_ms;
	list_push_tail(&table->idle, &quota->in_idle);
	if (++table->nidle > QUOTAS_REMEMBERED)
		quota_free(list_entry(table->idle.next, Quota, in_idle));
}

void
quota_drop(Quota *quota, int64_t now_ms)
{
	assert(quota->users > 0);
	if (--quota->users > 0)
		return;
	if (is_worth_keeping(quota, now_ms))
		remember(quota, now_ms);
	else
		quota_free(quota);
}

Bucket *
quota_bucket(Quota *quota, int which)
{
	assert(which < quota->table->nbuckets);
	if (quota->buckets == NULL)
		quota->buckets = mem_zalloc((size_t) quota->table->nbuckets * sizeof(Bucket));
	return &quota->buckets[which];
}

/* Has it been away for so long that its buckets are full? */
static bool
is_stale(const Quota *quota, int64_t now_ms)
{
	if (quota->banned_until > now_ms || now_ms - quota->idle_since < QUOTA_MINUTE_MS)
		return false;
	return quota->strikes.spent == 0 || now_ms - quota->idle_since >= QUOTA_STRIKES_MS;
}

void
quota_table_sweep(QuotaTable *table, int64_t now_ms)
{
	/* those who have been away for less than a minute are all behind one who has */
	list_foreach(node, following, &table->idle)
	{
		Quota *quota = list_entry(node, Quota, in_idle);

		if (now_ms - quota->idle_since < QUOTA_MINUTE_MS)
			return;
		if (is_stale(quota, now_ms))
			quota_free(quota);
	}
}

void
quota_table_free(QuotaTable *table)
{
	ListNode *node;

	while ((node = table->idle.next) != &table->idle)
		quota_free(list_entry(node, Quota, in_idle));
	assert(table->map.count == 0);
	strmap_free(&table->map);
}
