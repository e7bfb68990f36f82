/*
 * feedhello.c: how the feed's connection begins, and what the database changes later.
 *
 * up: hello -> LISTEN to everything the database names, to the bus and to our probe.
 * The last LISTEN's answer makes the feed fetch. See feedstate.h.
 */
#include "feedstate.h"

#include "attendance.h"
#include "bus.h"
#include "errors.h"
#include "hello.h"
#include "log.h"
#include "recheck.h"

#include <string.h>

/* Everything is listened to: what was committed before is fetched, the rest rings. */
static void
on_listening(void *arg, const PgAnswer *answer)
{
	Feed *feed = arg;

	if (answer->status == PG_LOST || feed->state != FEED_LISTEN)
		return;
	if (answer->status == PG_ERROR)
	{
		log_error("cannot listen", "reason=%s", log_quote(answer->message));
		pg_restart(feed->link);
		return;
	}
	feed->state = FEED_IDLE;
	pg_settled(feed->link);
	doorbell_start(feed->doorbell);
	attendance_listening(feed->gateway->attendance);
	feed_want_fetch(feed);
	gateway_check_database(feed->gateway);
}

/* The last one's answer stands for all: they come in order. */
static void
on_first_listening(void *arg, const PgAnswer *answer)
{
	(void) arg;
	if (answer->status == PG_ERROR)
		log_error("cannot listen", "reason=%s", log_quote(answer->message));
}

/* We are on the bus, unless the database is an older one. */
static void
on_bus_listening(void *arg, const PgAnswer *answer)
{
	Feed *feed = arg;

	if (answer->status == PG_ROWS)
		bus_listening(feed->gateway->bus);
	else if (answer->status == PG_ERROR)
		log_error("cannot listen to other gateways", "reason=%s",
				  log_quote(answer->message));
}

/* Only the database knows the bus's name, and changes it now and then. */
static void
listen_to_bus(Feed *feed)
{
	pg_send(feed->link, &feed_statements[FEED_STMT_LISTEN], NULL, on_bus_listening, feed);
}

/* The bus has another name. */
static void
on_bus_rotated(void *arg, const BusMessage *message)
{
	(void) message;
	listen_to_bus(arg);
}

/* What the database says when it is asked again for the rules of receipts. */
static void
on_rules(void *arg, const PgAnswer *answer)
{
	Hello hello;

	(void) arg;
	if (answer->status != PG_ROWS)
		return;
	if (hello_read(&hello, pg_value(answer, 0, 0)))
		receipt_rules_load(hello.receipts);
	hello_free(&hello);
}

/* The rules of receipts have changed. */
static void
on_rules_changed(void *arg, const BusMessage *message)
{
	Feed *feed = arg;
	const char *values[2] = {feed->gateway->config.name, HELLO_PROTOCOL};

	(void) message;
	pg_send(feed->link, &feed_statements[FEED_STMT_HELLO], values, on_rules, feed);
}

/* Listens to the database's channels, to the bus and to our probe. */
static void
listen_to(Feed *feed, const Hello *hello)
{
	Buf sql = {0};
	size_t i = 0;

	for (const char *name; (name = hello_listen(hello, i)) != NULL; i++)
		pg_send_sql(feed->link, listen_statement(&sql, name), on_first_listening, feed);
	listen_to_bus(feed);
	feed->state = FEED_LISTEN;
	pg_send_sql(feed->link, listen_statement(&sql, doorbell_channel(feed->doorbell)),
				on_listening, feed);
	buf_free(&sql);
}

/* Goes on where it stood, or starts from the hello's snapshot. */
static void
resume_from(Feed *feed, const char *epoch, const char *snapshot)
{
	if (stream_set_epoch(&feed->stream, epoch))
	{
		log_warn("another database answers: positions are void", "epoch=%s", epoch);
		fanout_gap(&feed->gateway->fanout, "epoch_changed");
		feed_forget_cycle(feed);
		stream_forget_snapshot(&feed->stream);
	}
	if (feed->stream.snapshot != NULL)
		return;
	stream_set_snapshot(&feed->stream, snapshot);
	/* nobody heard of what was lost before this snapshot */
	recheck_everybody();
}

/* The database introduces itself, or refuses. */
static void
on_hello(void *arg, const PgAnswer *answer)
{
	Feed *feed = arg;
	Hello hello;

	if (answer->status == PG_LOST)
		return;
	if (answer->status == PG_ERROR)
	{
		log_error("the database refuses to be gateway", "sqlstate=%s reason=%s%s",
				  answer->sqlstate, log_quote(answer->message),
				  strcmp(answer->sqlstate, "42501") == 0
					  ? " hint=\"GRANT wrk_gateway TO its role\""
					  : "");
		pg_restart(feed->link);
		return;
	}
	if (hello_read(&hello, pg_value(answer, 0, 0)))
	{
		log_info("the database says hello", "version=%s epoch=%s doorbell=%s",
				 hello.version, hello.epoch, hello.doorbell);
		errors_load(hello.errors);
		receipt_rules_load(hello.receipts);
		resume_from(feed, hello.epoch, hello.snapshot);
		listen_to(feed, &hello);
	}
	else
	{
		log_error("the database speaks another protocol", "expected=" HELLO_PROTOCOL);
		pg_restart(feed->link);
	}
	hello_free(&hello);
}

void
feed_say_hello(Feed *feed)
{
	const char *values[2] = {feed->gateway->config.name, HELLO_PROTOCOL};

	feed->state = FEED_HELLO;
	pg_send(feed->link, &feed_statements[FEED_STMT_HELLO], values, on_hello, feed);
}

void
feed_hear_changes(Feed *feed)
{
	bus_on(feed->gateway->bus, "rotate", on_bus_rotated, feed);
	bus_on(feed->gateway->bus, "receipts", on_rules_changed, feed);
}
