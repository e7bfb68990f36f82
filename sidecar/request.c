/*
 * request.c: see request.h.
 */
#include "request.h"

#include "admit.h"
#include "clock.h"
#include "connlog.h"
#include "mem.h"
#include "present.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A copy of what there is. */
static char *
copy_or_null(const char *text)
{
	return text ? mem_strdup(text) : NULL;
}

Pending *
pending_begin(Gateway *gateway, Conn *conn, const Request *request)
{
	Pending *pending;
	Ticket ticket;

	if (!admit_request(conn, request, &ticket))
		return NULL;
	pending = mem_zalloc(sizeof(Pending));
	pending->ticket = ticket;
	pending->gateway = gateway;
	pending->conn = conn;
	pending->access_seq = gateway->access_seq;
	pending->id = copy_or_null(request->id);
	pending->channel = copy_or_null(request->channel);
	pending->began = clock_now_ms();
	stats.requests_running++;
	list_push_tail(&conn->requests, &pending->in_conn);
	conn->nrequests++;
	return pending;
}

/* Takes the request off its connection's list. */
static void
leave_conn(Pending *pending)
{
	if (pending->conn == NULL)
		return;
	pending->conn->nrequests--;
	list_remove(&pending->in_conn);
	pending->conn = NULL;
}

void
pending_end(Pending *pending)
{
	present_give_up(pending);
	leave_conn(pending);
	stats.requests_running--;
	limits_end(&pending->ticket, clock_now_ms());
	free(pending->id);
	free(pending->channel);
	free(pending->text);
	free(pending->position);
	free(pending->upto);
	free(pending->rights);
	free(pending->as);
	type_filter_unref(pending->filter);
	free(pending->resume);
	free(pending->presence);
	free(pending->ask);
	free(pending->seen);
	free(pending);
}

bool
pending_is_wanted(const Pending *pending)
{
	return pending->conn != NULL && pending->conn->state == CONN_READY;
}

void
pending_orphan_all(Conn *conn)
{
	list_foreach(node, following, &conn->requests)
	{
		leave_conn(list_entry(node, Pending, in_conn));
	}
}

bool
pending_send(Pending *pending, int statement, const char *const *values,
			 PgCallback callback)
{
	const Conn *conn = pending->conn;
	char stranger[ADDRESS_TEXT_MAX + 1];
	const char *lane = conn->tenant;

	if (lane == NULL) /* a tenant of such a name would share it, no more */
	{
		snprintf(stranger, sizeof(stranger), " %s",
				 conn->seat.address ? conn->seat.address->key : "");
		lane = stranger;
	}
	if (pool_send_for(pending->gateway->pool, lane, admit_value(conn, LIMIT_tenant_links),
					  &pool_statements[statement], values, callback, pending))
		return true;
	reply_unavailable(pending->conn, pending->id, pending->channel);
	pending_end(pending);
	return false;
}

/* To nobody when the connection is gone. */
static void
send_error(Conn *conn, const char *id, const char *channel, const WireError *error)
{
	Buf json = {0};

	if (conn == NULL)
		return;
	wire_error(&json, id, channel, error);
	conn_send(conn, &json);
	buf_free(&json);
}

void
reply_error(Conn *conn, const char *id, const char *channel, const ErrorCode *code,
			const char *message)
{
	send_error(conn, id, channel, &(WireError){.code = code, .message = message});
}

void
reply_no_channel(Conn *conn, const char *id, const char *channel)
{
	Buf message = {0};

	buf_printf(&message, "no channel \"%s\"", channel);
	send_error(conn, id, channel,
			   &(WireError){.code = &error_not_found,
							.message = buf_cstr(&message),
							.hint = "It does not exist, or you may not join it."});
	buf_free(&message);
}

void
reply_unavailable(Conn *conn, const char *id, const char *channel)
{
	send_error(conn, id, channel,
			   &(WireError){.code = &error_unavailable,
							.message = "the database cannot be reached",
							.retry_after = 500 + clock_jitter(1000)});
}

void
reply_empty(Conn *conn, const char *id, const char *type)
{
	Buf json = {0};

	if (id == NULL)
		return;
	wire_open(&json, type, id, NULL);
	buf_puts(&json, "{}");
	wire_close(&json);
	conn_send(conn, &json);
	buf_free(&json);
}

/* The detail of an engine error is JSON when it is for programs. */
static bool
is_json_object(const char *text)
{
	json_t *value = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
	bool is_object = json_is_object(value);

	json_decref(value);
	return is_object;
}

/* Was it raised by us, or by an application in our words? */
static bool
is_ours(const char *sqlstate)
{
	return strncmp(sqlstate, "WK", 2) == 0;
}

/*
 * Is the message made for clients? Ours are, and those about data tell a caller what
 * was wrong with it; others name tables, constraints and policies.
 */
static bool
message_is_public(const char *sqlstate)
{
	return is_ours(sqlstate) || strncmp(sqlstate, "22", 2) == 0;
}

/* The client is not told why, so the operator is. */
static void
log_failure(const Conn *conn, const char *id, const PgAnswer *answer)
{
	static const char message[] = "a request failed inside the database";

	if (conn != NULL)
		conn_log(LOG_WARN, conn, id, message, "sqlstate=%s reason=%s", answer->sqlstate,
				 log_quote(answer->message));
	else
		log_warn(message, "sqlstate=%s reason=%s", answer->sqlstate,
				 log_quote(answer->message));
}

const ErrorCode *
reply_database_error(Conn *conn, const char *id, const char *channel,
					 const PgAnswer *answer)
{
	const ErrorCode *code;
	WireError error;

	if (answer->status == PG_LOST)
	{
		reply_unavailable(conn, id, channel);
		return &error_unavailable;
	}
	code = errors_find(answer->sqlstate);
	error = (WireError){.code = code,
						.message = message_is_public(answer->sqlstate) ? answer->message
																	   : code->code,
						.hint = is_ours(answer->sqlstate) ? answer->hint : NULL};
	if (code->status >= 500 && code != &error_unavailable && code->status != 503)
	{
		log_failure(conn, id, answer);
		error.message = "internal error";
		error.hint = NULL;
	}
	else if (message_is_public(answer->sqlstate) && is_json_object(answer->detail))
		error.details = answer->detail;
	if (code->status == 503)
		error.retry_after = 500 + clock_jitter(1000);
	send_error(conn, id, channel, &error);
	return code;
}
