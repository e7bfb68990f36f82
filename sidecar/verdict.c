/*
 * verdict.c: see verdict.h.
 */
#include "verdict.h"

#include "errors.h"
#include "flow.h"
#include "stats.h"
#include "wire.h"


/* It may not be in this channel any more. */
static void
dismiss(Gateway *gateway, Sub *sub, const ErrorCode *code)
{
	Conn *conn = sub->conn;
	Buf json = {0};

	sub_forget_held(sub);
	if (sub->pending)
	{
		sub->denied = true; /* its request is still to be answered: that will say so */
		return;
	}
	stats.unsubscribed_total++;
	wire_open(&json, "unsubscribed", NULL, sub->channel->name);
	buf_puts(&json, "{\"code\":");
	buf_json_string(&json, code->code);
	buf_puts(&json, ",\"reason\":\"access to this channel has ended\"}");
	wire_close(&json);
	conn->news = true; /* for which a poll answers at once */
	conn_tell(conn, &json);
	hub_unsubscribe(&gateway->hub, sub);
	flow_take_back(conn);
	buf_free(&json);
}

/* What was answered about one channel; other: the connection sees other events now. */
static void
settle(Gateway *gateway, Sub *sub, const json_t *grant, bool other)
{
	const char *sqlstate = json_string_value(json_object_get(grant, "sqlstate"));
	if (sqlstate != NULL)
	{
		dismiss(gateway, sub, errors_find(sqlstate));
		return;
	}
	if (other)
	{
		stats.rights_changed_total++;
		flow_gap(sub, "rights_changed");
	}
	sub->can_publish = grant_may_publish(grant);
	if ((sub->conn->waits & WAITS_FOR_TOKEN) == 0)
		sub_resume(sub);
}

bool
verdict_take(Gateway *gateway, Conn *conn, const Opened *opened)
{
	const json_t *granted = json_object_get(opened->root, "granted");
	bool other = opened->mask != conn->mask;
	bool more = false;

	conn->mask = opened->mask;
	if (other)
		flow_take_back(conn);
	list_foreach(node, following, &conn->subs)
	{
		Sub *sub = list_entry(node, Sub, in_conn);
		const json_t *grant = json_object_get(granted, sub->channel->name);

		if (conn->state != CONN_READY)
			return false;
		if (grant != NULL)
			settle(gateway, sub, grant, other);
		else if (sub->suspended)
			more = true;
		else if (other)
			flow_gap(sub, "rights_changed");
	}
	return more;
}
