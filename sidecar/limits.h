/*
 * limits.h: who may have how much of the gateway (layer 2).
 *
 * A Quota counts for one user, tenant or network address and is shared by all
 * connections of it (quota.h). A Seat is one connection's place in its Quotas. What must
 * stay true:
 *  - an operation takes from all of its buckets or from none, so that what was
 *    refused does not delay what comes after retry_ms;
 *  - a request counts until the database has answered, though its connection left;
 *  - a refusal names a limit and a time, never how much others use.
 *
 * A limit is the tenant's own value, else the setting of the same name; 0 is none.
 * Everything counts within this process.
 */
#ifndef WRK_LIMITS_H
#define WRK_LIMITS_H

#include "config.h"
#include "quota.h"

#include <stdbool.h>
#include <stdint.h>

/* What clients do, by what it costs. */
typedef enum LimitClass
{
	CLASS_OF_OTHERS,
	CLASS_OF_CALLS,
	CLASS_OF_PUBLISHES,
	CLASS_OF_SUBSCRIBES,
	LIMIT_CLASSES
} LimitClass;

/*
 * Limits that a tenant may have a value of its own of, each a setting of the same
 * name. The rates come class by class in the order of LimitClass, second and minute.
 */
#define TENANT_LIMITS(X) \
	X(user_others_second) \
	X(user_others_minute) \
	X(user_calls_second) \
	X(user_calls_minute) \
	X(user_publishes_second) \
	X(user_publishes_minute) \
	X(user_subscribes_second) \
	X(user_subscribes_minute) \
	X(tenant_others_second) \
	X(tenant_others_minute) \
	X(tenant_calls_second) \
	X(tenant_calls_minute) \
	X(tenant_publishes_second) \
	X(tenant_publishes_minute) \
	X(tenant_subscribes_second) \
	X(tenant_subscribes_minute) \
	X(subscriptions_max) \
	X(requests_max) \
	X(replay_rows) \
	X(user_connections) \
	X(user_requests) \
	X(tenant_connections) \
	X(tenant_requests) \
	X(tenant_links)

typedef enum LimitName
{
#define X(name) LIMIT_##name,
	TENANT_LIMITS(X)
#undef X
	LIMIT_NAMES
} LimitName;

/* A value for each limit, -1 where there is none. */
typedef struct LimitValues
{
	bool any;
	int64_t value[LIMIT_NAMES];
} LimitValues;

/* One of these for the process. */
typedef struct Limits
{
	const Config *config;
	QuotaTable addresses;
	QuotaTable tenants;
	QuotaTable users;
	int64_t strangers;
} Limits;

/* One connection's place; zeroed = none. */
typedef struct Seat
{
	Quota *address;
	Quota *tenant; /* NULL while nobody is known */
	Quota *user;
} Seat;

/* A request's place, which outlives its connection's. */
typedef struct Ticket
{
	Quota *tenant;
	Quota *user;
} Ticket;

/* Which limit refused, and when it may not any more. */
typedef struct LimitHit
{
	const char *limit;
	int64_t retry_ms;
	bool is_rate; /* of operations in a time, rather than of things at once */
	bool is_ban;
} LimitHit;

extern void limits_init(Limits *limits, const Config *config);
extern void limits_free(Limits *limits);

/* Forgets who has been away for long enough. Call every second or so. */
extern void limits_sweep(Limits *limits, int64_t now_ms);

/*
 * A new socket, or one of which we now know better whose it is: may it wait here for
 * its token? And, asked when there is somebody to answer, may it be here at all?
 */
extern bool limits_enter(Limits *limits, Seat *seat, const char *address, int64_t now_ms,
						 LimitHit *hit);
extern bool limits_stay(const Limits *limits, const Seat *seat, int64_t now_ms,
						LimitHit *hit);

/* It is somebody from now on, of a tenant with these values of its own. */
extern bool limits_identify(Limits *limits, Seat *seat, const char *tenant,
							const char *user, const LimitValues *own, int64_t now_ms,
							LimitHit *hit);
extern void limits_leave(Limits *limits, Seat *seat, int64_t now_ms);

/* An operation of somebody known. */
extern bool limits_admit(const Limits *limits, Seat *seat, LimitClass limit_class,
						 int64_t now_ms, LimitHit *hit);

/* A request to the database; what is begun must be ended. */
extern bool limits_begin(const Limits *limits, const Seat *seat, Ticket *ticket,
						 LimitHit *hit);
extern void limits_end(Ticket *ticket, int64_t now_ms);

/*
 * Somebody was closed for abuse. True when it was once too often: a ban is on, of the
 * user, or of an address from which nobody is known.
 */
extern bool limits_strike(const Limits *limits, Seat *seat, int64_t now_ms,
						  int64_t *ban_ms);

/* The value that holds for this seat, 0 = no limit. */
extern int64_t limits_value(const Limits *limits, const Seat *seat, LimitName name);

/* These are the tenant's own values from now on, for all its connections. */
extern void limits_set_own(const Seat *seat, const LimitValues *own);

/* Notes one more value; what is no limit's name, or no value, is passed over. */
extern void limits_note(LimitValues *values, const char *name, int64_t value);

#endif
