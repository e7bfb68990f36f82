/*
 * lifetime.c: see lifetime.h.
 */
#include "lifetime.h"

#include "recheck.h"
#include "stats.h"
#include "wire.h"

#include <inttypes.h>

/* Says that the token ends soon, and how long one may be late. */
static void
warn(Conn *conn)
{
	Buf json = {0};

	conn->warned = true;
	wire_open(&json, "token_expiring", NULL, NULL);
	buf_printf(&json, "{\"expiresAt\":%" PRId64 ",\"grace\":%" PRId64 "}",
			   conn->expires_at, conn->table->config->token_grace);
	wire_close(&json);
	conn_send(conn, &json);
	buf_free(&json);
}

static void
check_token(Conn *conn, int64_t wall)
{
	const Config *config = conn->table->config;
	/* who cannot send another token is not waited for */
	int64_t grace = conn_is_websocket(conn) ? config->token_grace : 0;

	if (conn->expires_at == 0)
		return;
	if (wall >= conn->expires_at + grace)
		conn_close(conn, 4401, "token_expired");
	else if (wall >= conn->expires_at)
		recheck_wait_for_token(conn);
	if (conn->state == CONN_READY && !conn->warned &&
		conn->expires_at - wall <= config->token_warning)
		warn(conn);
}

/* Only who can send frames can be idle. */
static void
check_activity(Conn *conn, int64_t now)
{
	const Config *config = conn->table->config;

	if (config->idle_timeout == 0 || now - conn->active_at < config->idle_timeout ||
		conn->nrequests > 0 ||
		(conn->framing != FRAMING_WS && conn->framing != FRAMING_DEFLATE))
		return;
	stats.idle_total++;
	conn_close_after_flush(conn, 4408, "idle");
}

void
lifetime_check(Gateway *gateway, Conn *conn, int64_t now, int64_t wall)
{
	int64_t interval = gateway->config.recheck_interval;

	check_token(conn, wall);
	if (conn->state == CONN_READY)
		check_activity(conn, now);
	if (conn->state == CONN_READY && interval > 0 && conn->waits == 0 &&
		now - conn->rechecked_at >= interval)
		recheck_quietly(conn);
}
