/*
 * gateway.c: the statements, and the one fact all clients are told (layer 3).
 *
 * These are the only functions of the database that the gateway uses, besides
 * those of feed.c.
 */
#include "gateway.h"

#include "eventrow.h"
#include "feed.h"
#include "log.h"
#include "stats.h"
#include "wire.h"

const PgStatement pool_statements[] = {
	[STMT_OPEN] = {"open", "SELECT wrk.gateway_open($1)", 1},
	[STMT_SUBSCRIBE] = {"subscribe", "SELECT wrk.gateway_subscribe($1, $2)", 2},
	[STMT_REPLAY] = {"replay",
					 "SELECT " EVENT_COLUMNS
					 " FROM wrk.gateway_replay($1, $2, $3, $4, $5)",
					 5},
	[STMT_CALL] = {"call",
				   "SELECT result, event_id FROM wrk.gateway_call($1, $2, $3, $4)", 4,
				   .may_be_slow = true},
	[STMT_NOTIFY] = {"notify", "SELECT pg_catalog.pg_notify($1, $2)", 2},
	[STMT_REFUSED] = {"refused", "SELECT wrk.gateway_refused($1, $2, $3, $4, $5)", 5,
					  .may_be_slow =
						  true}, /* may wait for another's of the same tenant */
	[STMT_BUS] = {"bus", "SELECT wrk.gateway_send($1)", 1},
	[STMT_RECHECK] = {"recheck", "SELECT wrk.gateway_recheck($1, $2)", 2},
	[STMT_PRESENCE] = {"presence", "SELECT wrk.gateway_presence($1, $2)", 2},
	[STMT_PRESENT] = {"present",
					  "SELECT channel, user_id, name, status, connections, meta, "
					  "changed_ms FROM wrk.gateway_present($1, $2)",
					  2},
	{NULL, NULL, 0},
};

/* Sends the status of the database to all clients. */
static void
tell_everybody(Gateway *gateway)
{
	Buf json = {0};
	Chunk *chunk;

	wire_open(&json, "status", NULL, NULL);
	buf_printf(&json, "{\"database\":\"%s\"}", gateway->database_up ? "up" : "down");
	wire_close(&json);
	chunk = chunk_from_json(CLASS_STATE, &json, "status");
	list_foreach(node, following, &gateway->table.all)
	{
		conn_push(list_entry(node, Conn, in_table), chunk);
	}
	chunk_unref(chunk);
	buf_free(&json);
}

void
gateway_check_database(Gateway *gateway)
{
	bool up = gateway->pool != NULL && pool_is_up(gateway->pool) &&
			  gateway->feed != NULL && feed_is_up(gateway->feed);

	if (up == gateway->database_up)
		return;
	gateway->database_up = up;
	stats.database_up = up;
	log_line(up ? LOG_INFO : LOG_WARN, up ? "the database is up" : "the database is down",
			 "epoch=%s", feed_epoch(gateway->feed));
	tell_everybody(gateway);
}
