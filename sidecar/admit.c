/*
 * admit.c: see admit.h.
 */
#include "admit.h"

#include "clock.h"
#include "log.h"
#include "stats.h"

#include <inttypes.h>
#include <string.h>

/* Answers a request that went over a limit. */
static void
reply_limit(Conn *conn, const char *id, const char *channel, const LimitHit *hit,
			const char *message)
{
	Buf details = {0};
	Buf json = {0};
	WireError error = {.code = hit->is_rate ? &error_rate_limited : &error_limit_for_now,
					   .message = message,
					   .retry_after = hit->retry_ms};

	if (!hit->is_rate && hit->retry_ms == 0)
		error.code = &error_limit_exceeded;
	buf_printf(&details, "{\"limit\":\"%s\"}", hit->limit);
	error.details = buf_cstr(&details);
	wire_error(&json, id, channel, &error);
	conn_send(conn, &json);
	buf_free(&json);
	buf_free(&details);
}

/* ------------------------------------------------------------- connections */

/* A proxy has many clients: who this one is, its request will say. */
static bool
is_proxy(const Conn *conn)
{
	Address peer;

	return address_parse(conn->peer, strlen(conn->peer), &peer) &&
		   networks_have(conn->table->config->trusted_proxies, &peer);
}

bool
admit_socket(Conn *conn)
{
	LimitHit hit;

	if (is_proxy(conn))
		return true;
	if (limits_enter(&conn->table->quotas, &conn->seat, conn_address(conn),
					 clock_now_ms(), &hit))
		return true;
	stats.newcomers_refused_total++;
	log_debug("a socket was refused", "limit=%s address=%s", hit.limit,
			  conn_address(conn));
	return false;
}

bool
admit_newcomer(Conn *conn, LimitHit *hit)
{
	Limits *quotas = &conn->table->quotas;
	int64_t now = clock_now_ms();

	if (limits_enter(quotas, &conn->seat, conn_address(conn), now, hit) &&
		limits_stay(quotas, &conn->seat, now, hit))
		return true;
	stats.newcomers_refused_total++;
	log_debug("a client was refused", "limit=%s address=%s", hit->limit,
			  conn_address(conn));
	return false;
}

void
admit_turn_away(Conn *conn, const LimitHit *hit)
{
	conn_close_for(conn, hit->is_ban ? 4529 : 4429, hit->limit, hit->retry_ms);
}

/* The limits that the database gives, as the tenant's own. */
static void
read_own_limits(const json_t *limits, LimitValues *own)
{
	const char *name;
	json_t *value;

	own->any = false;
	json_object_foreach((json_t *) (uintptr_t) limits, name, value)
	{
		if (json_is_integer(value) && json_integer_value(value) >= 0)
			limits_note(own, name, json_integer_value(value));
	}
}

bool
admit_person(Conn *conn, const char *id, const char *tenant, const char *user,
			 const json_t *limits)
{
	LimitValues own;
	LimitHit hit;

	read_own_limits(limits, &own);
	if (limits_identify(&conn->table->quotas, &conn->seat, tenant, user, &own,
						clock_now_ms(), &hit))
		return true;
	stats.newcomers_refused_total++;
	reply_limit(conn, id, NULL, &hit,
				hit.is_ban ? "refused for a while" : "too many connections");
	admit_turn_away(conn, &hit);
	return false;
}

void
admit_own_limits(Conn *conn, const json_t *limits)
{
	LimitValues own;

	if (conn->seat.tenant == NULL)
		return;
	read_own_limits(limits, &own);
	limits_set_own(&conn->seat, &own);
}

int64_t
admit_value(const Conn *conn, LimitName name)
{
	return limits_value(&conn->table->quotas, &conn->seat, name);
}

/* --------------------------------------------------------------- operations */

void
admit_lose_patience(Conn *conn)
{
	int64_t now = clock_now_ms();
	int64_t ban_ms;
	int64_t unused;

	if (bucket_take(&conn->patience, 1, conn->table->config->abuse_limit, now, &unused))
		return;
	stats.flooders_total++;
	if (limits_strike(&conn->table->quotas, &conn->seat, now, &ban_ms))
	{
		stats.bans_total++;
		log_warn("banned for abuse", "tenant=%s user=%s address=%s ms=%" PRId64,
				 conn->tenant ? log_quote(conn->tenant) : "-",
				 conn->user ? log_quote(conn->user) : "-", conn_address(conn), ban_ms);
		conn_close_for(conn, 4529, "abuse_limit", ban_ms);
	}
	else
		conn_close_after_flush(conn, 4429, "flooding");
}

/* The answer to what came too fast. */
static void
refuse_rate(Conn *conn, const Request *request, const LimitHit *hit, const char *message)
{
	stats.rate_limited_total++;
	reply_limit(conn, request->id, request->channel, hit, message);
	admit_lose_patience(conn);
}

void
admit_refuse_frame(Conn *conn, const Request *request, int64_t retry_ms)
{
	const LimitHit hit = {.limit = "rate_limit", .retry_ms = retry_ms, .is_rate = true};

	refuse_rate(conn, request, &hit, "too many frames");
}

bool
admit_frame(Conn *conn, const Request *request, LimitClass limit_class)
{
	LimitHit hit;

	if (limits_admit(&conn->table->quotas, &conn->seat, limit_class, clock_now_ms(),
					 &hit))
		return true;
	refuse_rate(conn, request, &hit, "too many of these in this time");
	return false;
}

bool
admit_request(Conn *conn, const Request *request, Ticket *ticket)
{
	int64_t most = admit_value(conn, LIMIT_requests_max);
	LimitHit hit = {.limit = "requests_max", .retry_ms = 500};

	if ((most == 0 || conn->nrequests < most) &&
		limits_begin(&conn->table->quotas, &conn->seat, ticket, &hit))
		return true;
	stats.limit_exceeded_total++;
	reply_limit(conn, request->id, request->channel, &hit, "too many requests in flight");
	return false;
}

bool
admit_subscription(Conn *conn, const char *id, const char *channel)
{
	int64_t most = admit_value(conn, LIMIT_subscriptions_max);
	const LimitHit hit = {.limit = "subscriptions_max"};

	if (most == 0 || conn->nsubs < most)
		return true;
	stats.limit_exceeded_total++;
	reply_limit(conn, id, channel, &hit, "too many subscriptions");
	return false;
}
