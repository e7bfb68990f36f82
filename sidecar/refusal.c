/*
 * refusal.c: see refusal.h.
 *
 * Who it was the database finds out from the connection's token, which it verifies
 * again; a refused token is not sent. The bound here spares the pool; what keeps the
 * log from being flooded is the database's own.
 */
#include "refusal.h"

#include "clock.h"
#include "log.h"
#include "stats.h"

#include <string.h>

#define IN_FLIGHT_MAX 8
#define PER_SECOND 2
#define BURST 20
#define SLOTS 64 /* tenants and addresses share them by their hash */

static Bucket slots[REFUSED_CHANNEL + 1][SLOTS];
static int in_flight;

bool
refusal_is_foreign(const char *channel, const char *tenant)
{
	size_t len = strlen(tenant);

	if (strncmp(channel, "tenant:", 7) != 0)
		return false;
	channel += 7;
	return strncmp(channel, tenant, len) != 0 ||
		   (channel[len] != '\0' && channel[len] != ':');
}

/* The database has written it, or had enough of this kind for the minute. */
static void
on_recorded(void *arg, const PgAnswer *answer)
{
	const char *recorded = answer->status == PG_ROWS ? pg_value(answer, 0, 0) : NULL;

	(void) arg;
	in_flight--;
	if (answer->status == PG_ERROR)
		log_warn("a refusal could not be recorded", "sqlstate=%s reason=%s",
				 answer->sqlstate, log_quote(answer->message));
	if (recorded != NULL && *recorded == 't')
		stats.refusals_recorded_total++;
	else
		stats.refusals_left_out_total++;
}

void
refusal_record(Gateway *gateway, const Conn *conn, RefusalKind kind,
			   const ErrorCode *code, const char *name)
{
	static const char *const kinds[] = {"login", "call", "channel"};
	const char *address = conn_address(conn);
	const char *values[5] = {kinds[kind], code->code, name, NULL, NULL};
	Bucket *bucket;
	int64_t unused;

	if (*address != '\0')
		values[3] = address;
	if (conn->tenant != NULL)
		values[4] = conn->token;
	bucket = &slots[kind][strmap_hash(conn->tenant ? conn->tenant : address) % SLOTS];
	if (in_flight >= IN_FLIGHT_MAX ||
		!bucket_take(bucket, PER_SECOND, BURST, clock_now_ms(), &unused) ||
		!pool_send(gateway->pool, &pool_statements[STMT_REFUSED], values, on_recorded,
				   NULL))
		stats.refusals_left_out_total++;
	else
		in_flight++;
}
