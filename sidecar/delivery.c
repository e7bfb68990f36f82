/*
 * delivery.c: see delivery.h.
 */
#include "delivery.h"

#include "admit.h"
#include "clock.h"
#include "loop.h"
#include "mem.h"
#include "receipts.h"
#include "stats.h"
#include "wsframe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 50 /* between two looks at who has something to acknowledge or tell */
#define MARK 'r'   /* with it the text of our pings begins */

/* One for the process. */
struct Delivery
{
	Gateway *gateway;
	List busy; /* of Conn: have something written, acknowledged or being told */
	LoopTimer *timer;
	int ncalls; /* in flight */
};

/* One of these for each call in flight; freed when it is answered. */
typedef struct Call
{
	ListNode in_conn;
	Delivery *delivery;
	Conn *conn; /* NULL once it is gone */
} Call;

static Delivery *the_delivery; /* for outbox_on_receipt(), which knows outboxes only */

/* There is something to do for the connection. */
static void
note(Delivery *delivery, Conn *conn)
{
	if (!list_is_linked(&conn->in_delivery))
		list_push_tail(&delivery->busy, &conn->in_delivery);
	if (!loop_timer_is_active(delivery->timer))
		loop_timer_start(delivery->timer, LOOK_MS, LOOK_MS);
}

/* A chunk with such events was written. */
static void
on_written(Outbox *outbox, const Receipt *receipt)
{
	Conn *conn = list_entry(outbox, Conn, out);

	if (conn->state != CONN_READY || *conn->user == '\0' ||
		(conn->framing != FRAMING_WS && conn->framing != FRAMING_DEFLATE))
		return;
	receipts_written(conn, receipt);
	note(the_delivery, conn);
}

/* --------------------------------------------------------------------- calls */

static void
on_called(void *arg, const PgAnswer *answer)
{
	Call *call = arg;

	call->delivery->ncalls--;
	stats.receipts_failed_total += answer->status != PG_ROWS;
	if (call->conn != NULL)
	{
		list_remove(&call->in_conn);
		receipts_called(call->conn, answer->status == PG_LOST);
		note(call->delivery, call->conn);
	}
	free(call);
}

/* Tells one event of the connection, if it is time to. */
static void
tell(Delivery *delivery, Conn *conn, int64_t now)
{
	ReceiptCall told;
	Buf params = {0};
	Call *call;
	const char *values[4] = {conn->token, NULL, NULL, NULL};

	if (delivery->ncalls >= DELIVERY_CALLS || !receipts_next_call(conn, now, &told))
		return;
	buf_printf(&params, "{\"id\":%s}", told.id);
	values[1] = told.method;
	values[2] = buf_cstr(&params);
	call = mem_zalloc(sizeof(Call));
	call->delivery = delivery;
	call->conn = conn;
	if (pool_send_for(delivery->gateway->pool, conn->tenant,
					  admit_value(conn, LIMIT_tenant_links), &pool_statements[STMT_CALL],
					  values, on_called, call))
	{
		delivery->ncalls++;
		stats.receipts_total++;
		list_push_tail(&conn->deliveries, &call->in_conn);
	}
	else
	{
		receipts_called(conn, true);
		free(call);
	}
	buf_free(&params);
}

/* --------------------------------------------------------------------- pings */

/* Asks the client whether everything so far has arrived, if it is time to. */
static void
ask(Conn *conn, int64_t now)
{
	uint32_t number = receipts_ping(conn, now);
	Buf frame = {0};
	char text[16];

	if (number == 0)
		return;
	snprintf(text, sizeof(text), "%c%" PRIu32, MARK, number);
	wsframe_append(&frame, WS_PING, text, strlen(text));
	conn_send_raw(conn, &frame);
	buf_free(&frame);
}

void
delivery_pong(Delivery *delivery, Conn *conn, const void *payload, size_t len)
{
	char text[16];

	if (conn->receipts == NULL || len < 2 || len >= sizeof(text))
		return;
	memcpy(text, payload, len);
	text[len] = '\0';
	if (text[0] != MARK || strspn(text + 1, "0123456789") != len - 1)
		return;
	receipts_pong(conn, (uint32_t) strtoul(text + 1, NULL, 10));
	note(delivery, conn);
}

/* Asks and tells what it is time for; who comes first now comes last next time. */
static void
on_look(void *arg)
{
	Delivery *delivery = arg;
	int64_t now = clock_now_ms();
	List busy;
	ListNode *node;

	list_init(&busy);
	while ((node = list_pop_head(&delivery->busy)) != NULL)
		list_push_tail(&busy, node);
	while ((node = list_pop_head(&busy)) != NULL)
	{
		Conn *conn = list_entry(node, Conn, in_delivery);

		if (conn->state != CONN_READY)
			continue;
		ask(conn, now);
		tell(delivery, conn, now);
		if (receipts_is_busy(conn))
			list_push_tail(&delivery->busy, &conn->in_delivery);
	}
	if (list_is_empty(&delivery->busy))
		loop_timer_stop(delivery->timer);
}

void
delivery_gone(Conn *conn)
{
	list_remove(&conn->in_delivery);
	list_foreach(node, following, &conn->deliveries)
	{
		list_entry(node, Call, in_conn)->conn = NULL;
		list_remove(node);
	}
	receipts_free(conn);
}

Delivery *
delivery_open(Gateway *gateway)
{
	Delivery *delivery = mem_zalloc(sizeof(Delivery));

	delivery->gateway = gateway;
	list_init(&delivery->busy);
	delivery->timer = loop_timer_new(on_look, delivery);
	the_delivery = delivery;
	outbox_on_receipt(on_written);
	return delivery;
}

void
delivery_close(Delivery *delivery)
{
	loop_timer_free(delivery->timer);
	free(delivery);
}
