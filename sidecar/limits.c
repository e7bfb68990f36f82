/*
 * limits.c: see limits.h.
 */
#include "limits.h"

#include "address.h"
#include "buf.h"
#include "mem.h"
#include "stats.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_MS 1000
#define IN_FLIGHT_RETRY_MS 500
#define CONNECTION_RETRY_MS 5000

static const struct
{
	const char *name;
	size_t offset; /* of the setting */
} limit_table[] = {
#define X(name) {#name, offsetof(Config, name)},
	TENANT_LIMITS(X)
#undef X
};

void
limits_sweep(Limits *limits, int64_t now_ms)
{
	quota_table_sweep(&limits->addresses, now_ms);
	quota_table_sweep(&limits->tenants, now_ms);
	quota_table_sweep(&limits->users, now_ms);
}

void
limits_init(Limits *limits, const Config *config)
{
	*limits = (Limits){.config = config};
	quota_table_init(&limits->addresses, 0);
	quota_table_init(&limits->tenants, 2 * LIMIT_CLASSES);
	quota_table_init(&limits->users, 2 * LIMIT_CLASSES);
}

void
limits_free(Limits *limits)
{
	quota_table_free(&limits->addresses);
	quota_table_free(&limits->tenants);
	quota_table_free(&limits->users);
}

/* ------------------------------------------------------------------- values */

/* Of this tenant, NULL = of one that has none of its own. */
static int64_t
value_of(const Limits *limits, const Quota *tenant, LimitName name)
{
	if (tenant != NULL && tenant->own != NULL && tenant->own->value[name] >= 0)
		return tenant->own->value[name];
	return *(const int64_t *) (const void *) ((const char *) limits->config +
											  limit_table[name].offset);
}

int64_t
limits_value(const Limits *limits, const Seat *seat, LimitName name)
{
	return value_of(limits, seat->tenant, name);
}

void
limits_note(LimitValues *values, const char *name, int64_t value)
{
	int found = 0;

	while (found < LIMIT_NAMES && strcmp(limit_table[found].name, name) != 0)
		found++;
	if (found == LIMIT_NAMES)
		return;
	if (!values->any)
		memset(values->value, -1, sizeof(values->value));
	values->any = true;
	values->value[found] = value;
}

/* Replaces them; a tenant without any needs no memory for them. */
static void
set_own(Quota *tenant, const LimitValues *own)
{
	if (own->any && tenant->own == NULL)
		tenant->own = mem_alloc(sizeof(LimitValues));
	if (own->any)
		*tenant->own = *own;
	else
	{
		free(tenant->own);
		tenant->own = NULL;
	}
}

void
limits_set_own(const Seat *seat, const LimitValues *own)
{
	set_own(seat->tenant, own);
}

/* ------------------------------------------------------------------ sockets */

/* Refuses because there are so many already. */
static bool
hit_count(LimitHit *hit, const char *limit, int64_t retry_ms)
{
	*hit = (LimitHit){.limit = limit, .retry_ms = retry_ms};
	return false;
}

/* Is there a limit, and is it reached? */
static bool
is_reached(int64_t count, int64_t limit)
{
	return limit > 0 && count >= limit;
}

/* Is a ban on? */
static bool
is_banned(const Quota *quota, int64_t now_ms, LimitHit *hit)
{
	if (quota == NULL || quota->banned_until <= now_ms)
		return false;
	*hit = (LimitHit){
		.limit = "abuse_limit", .retry_ms = quota->banned_until - now_ms, .is_ban = true};
	return true;
}

/* A customer of a provider has 2^64 addresses of IPv6: they count as one. */
static void
make_address_key(const char *text, char key[ADDRESS_TEXT_MAX])
{
	Address address;

	snprintf(key, ADDRESS_TEXT_MAX, "%s", text);
	if (strchr(text, ':') == NULL || !address_parse(text, strlen(text), &address))
		return;
	memset(address.bytes + 8, 0, 8);
	address_format(&address, key);
}

/* May one more nobody wait for its token? */
static bool
may_enter(const Limits *limits, const Quota *address, LimitHit *hit)
{
	const Config *config = limits->config;

	if (is_reached(limits->strangers, config->strangers_max))
		return hit_count(hit, "strangers_max", SECOND_MS);
	if (address != NULL && is_reached(address->strangers, config->address_strangers))
		return hit_count(hit, "address_strangers", SECOND_MS);
	return true;
}

bool
limits_stay(const Limits *limits, const Seat *seat, int64_t now_ms, LimitHit *hit)
{
	const Quota *address = seat->address;

	if (is_banned(address, now_ms, hit))
		return false;
	/* it is counted itself */
	if (address != NULL &&
		is_reached(address->connections - 1, limits->config->address_connections))
		return hit_count(hit, "address_connections", CONNECTION_RETRY_MS);
	return true;
}

/* One connection fewer from this address. */
static void
leave_address(Limits *limits, Seat *seat, int64_t now_ms)
{
	if (seat->address == NULL)
		return;
	if (seat->tenant == NULL)
	{
		limits->strangers--;
		seat->address->strangers--;
	}
	seat->address->connections--;
	quota_drop(seat->address, now_ms);
	seat->address = NULL;
}

bool
limits_enter(Limits *limits, Seat *seat, const char *address, int64_t now_ms,
			 LimitHit *hit)
{
	char key[ADDRESS_TEXT_MAX];

	make_address_key(address, key);
	if (seat->address != NULL && strcmp(seat->address->key, key) == 0)
		return true;
	leave_address(limits, seat, now_ms);
	if (!may_enter(limits, strmap_get(&limits->addresses.map, key), hit))
		return false;
	seat->address = quota_hold(&limits->addresses, key);
	seat->address->connections++;
	seat->address->strangers++;
	limits->strangers++;
	return true;
}

/* A key that no two users share: the length says where the tenant ends. */
static void
make_user_key(Buf *key, const char *tenant, const char *user)
{
	buf_printf(key, "%zu:", strlen(tenant));
	buf_puts(key, tenant);
	buf_puts(key, user);
	(void) buf_cstr(key);
}

/* May this user of this tenant have one more connection? */
static bool
may_identify(const Limits *limits, const Quota *tenant, const Quota *user, int64_t now_ms,
			 LimitHit *hit)
{
	if (is_banned(user, now_ms, hit))
		return false;
	if (is_reached(user->connections, value_of(limits, tenant, LIMIT_user_connections)))
		return hit_count(hit, "user_connections", CONNECTION_RETRY_MS);
	if (is_reached(tenant->connections,
				   value_of(limits, tenant, LIMIT_tenant_connections)))
		return hit_count(hit, "tenant_connections", CONNECTION_RETRY_MS);
	return true;
}

/* Takes the place that was checked. */
static void
take_seat(Limits *limits, Seat *seat, Quota *tenant, Quota *user)
{
	seat->tenant = tenant;
	seat->user = user;
	tenant->connections++;
	user->connections++;
	if (seat->address != NULL)
	{
		limits->strangers--;
		seat->address->strangers--;
	}
}

bool
limits_identify(Limits *limits, Seat *seat, const char *tenant, const char *user,
				const LimitValues *own, int64_t now_ms, LimitHit *hit)
{
	Buf key = {0};
	Quota *tenant_quota;
	Quota *user_quota;
	bool may;

	assert(seat->tenant == NULL);
	make_user_key(&key, tenant, user);
	tenant_quota = quota_hold(&limits->tenants, tenant);
	user_quota = quota_hold(&limits->users, key.data);
	buf_free(&key);
	set_own(tenant_quota, own);
	may = may_identify(limits, tenant_quota, user_quota, now_ms, hit);
	if (may)
		take_seat(limits, seat, tenant_quota, user_quota);
	else
	{
		quota_drop(tenant_quota, now_ms);
		quota_drop(user_quota, now_ms);
	}
	return may;
}

void
limits_leave(Limits *limits, Seat *seat, int64_t now_ms)
{
	leave_address(limits, seat, now_ms);
	if (seat->tenant != NULL)
	{
		seat->tenant->connections--;
		seat->user->connections--;
		quota_drop(seat->tenant, now_ms);
		quota_drop(seat->user, now_ms);
	}
	*seat = (Seat){0};
}

/* --------------------------------------------------------------- operations */

/* The buckets that an operation of a class takes from: of user and tenant. */
#define BUCKETS 4

typedef struct Taken
{
	Bucket *bucket;
	Window window;
	LimitName name;
} Taken;

/* Fills in the i-th of them. */
static void
choose_bucket(const Limits *limits, Seat *seat, LimitClass limit_class, int i, Taken *out)
{
	Quota *quota = i < 2 ? seat->user : seat->tenant;
	LimitName first = i < 2 ? LIMIT_user_others_second : LIMIT_tenant_others_second;
	int which = 2 * (int) limit_class + i % 2;

	out->name = (LimitName) ((int) first + which);
	out->bucket = quota_bucket(quota, which);
	out->window.ms = i % 2 == 0 ? SECOND_MS : QUOTA_MINUTE_MS;
	out->window.count = value_of(limits, seat->tenant, out->name);
}

bool
limits_admit(const Limits *limits, Seat *seat, LimitClass limit_class, int64_t now_ms,
			 LimitHit *hit)
{
	Taken taken[BUCKETS];

	*hit = (LimitHit){.is_rate = true};
	for (int i = 0; i < BUCKETS; i++)
	{
		int64_t wait;

		choose_bucket(limits, seat, limit_class, i, &taken[i]);
		if (taken[i].window.count == 0)
			continue;
		wait = window_wait(taken[i].bucket, &taken[i].window, now_ms);
		if (wait > hit->retry_ms)
		{
			hit->retry_ms = wait;
			hit->limit = limit_table[taken[i].name].name;
		}
	}
	for (int i = 0; i < BUCKETS && hit->limit == NULL; i++)
	{
		if (taken[i].window.count > 0)
			window_take(taken[i].bucket, &taken[i].window);
	}
	return hit->limit == NULL;
}

bool
limits_begin(const Limits *limits, const Seat *seat, Ticket *ticket, LimitHit *hit)
{
	*ticket = (Ticket){seat->tenant, seat->user};
	if (seat->tenant == NULL)
		return true;
	if (is_reached(seat->user->requests, limits_value(limits, seat, LIMIT_user_requests)))
		return hit_count(hit, "user_requests", IN_FLIGHT_RETRY_MS);
	if (is_reached(seat->tenant->requests,
				   limits_value(limits, seat, LIMIT_tenant_requests)))
		return hit_count(hit, "tenant_requests", IN_FLIGHT_RETRY_MS);
	seat->tenant->users++;
	seat->tenant->requests++;
	seat->user->users++;
	seat->user->requests++;
	return true;
}

void
limits_end(Ticket *ticket, int64_t now_ms)
{
	if (ticket->tenant == NULL)
		return;
	ticket->tenant->requests--;
	ticket->user->requests--;
	quota_drop(ticket->tenant, now_ms);
	quota_drop(ticket->user, now_ms);
	*ticket = (Ticket){0};
}

bool
limits_strike(const Limits *limits, Seat *seat, int64_t now_ms, int64_t *ban_ms)
{
	const Config *config = limits->config;
	const Window window = {config->ban_after - 1, QUOTA_STRIKES_MS};
	Quota *quota = seat->user ? seat->user : seat->address;

	if (config->ban_after == 0 || quota == NULL)
		return false;
	/* behind one address may be many who did nothing */
	if (seat->user == NULL && quota->connections > quota->strangers)
		return false;
	if (window.count > 0 && window_wait(&quota->strikes, &window, now_ms) == 0)
	{
		window_take(&quota->strikes, &window);
		return false;
	}
	quota->banned_until = now_ms + config->ban_time;
	*ban_ms = config->ban_time;
	return true;
}
