/*
 * exchange.h: an HTTP request that a session serves (layer 3).
 *
 * An event stream, a poll, a call or a publish is a connection like a WebSocket's: the
 * token goes the way of `connect`, channels that of `subscribe`, a call that of `call`,
 * as frames through session_frame(). So rights, limits and answers are the same; what
 * differs is how frames are written (twin.h) and when.
 *
 * Until it is known whether the client may have what it asks for, nothing is written:
 * frames collect in the outbox, and a refusal is an HTTP status instead of them. What
 * must stay true:
 *  - replies are noted where they are sent and acted upon when the tick ends, in
 *    exchange_may_write(), the only place here that answers or changes a state;
 *  - no position goes out before every channel asked for is there or refused, or who
 *    comes back with it would miss what a channel still had to replay.
 */
#ifndef WRK_EXCHANGE_H
#define WRK_EXCHANGE_H

#include "answer.h"
#include "asked.h"
#include "gateway.h"
#include "httphead.h"
#include "loop.h"

#define EXCHANGE_WINDOW 8 /* subscribe frames in flight */

typedef enum ExchangeKind
{
	EXCHANGE_STREAM,
	EXCHANGE_POLL,
	EXCHANGE_CALL,    /* from here on: over with its answer */
	EXCHANGE_PUBLISH, /* subscribes, for the right to; then says it */
} ExchangeKind;

typedef enum ExchangePhase
{
	EXCHANGE_KNOCKING, /* its token is at the database */
	EXCHANGE_JOINING,  /* known; its frames are being sent and answered */
	EXCHANGE_WAITING, /* a call, a publish for its result, a poll for something to tell */
	EXCHANGE_STREAMING, /* frames go out as they come */
	EXCHANGE_FAILED,    /* `error` is the answer */
} ExchangePhase;

/* One of these for each request; owned by its connection, freed by exchange_free(). */
typedef struct Exchange
{
	Gateway *gateway;
	Conn *conn;
	ExchangeKind kind;
	ExchangePhase phase;
	char *origin; /* of the page that asks, NULL for none */
	Buf body;     /* not looked at before it is known who asks */

	/* how it failed, or what a call was answered: the payload as it is sent */
	Buf error;
	Buf result;
	int status;
	int64_t retry_after;
	char *event_id; /* JSON text */

	/* channels */
	Asked asked;
	size_t nnamed; /* of them by the client; the rest are joined anyway, and resumed */
	size_t next;
	size_t inflight;
	size_t nrefused;
	bool completed; /* the rest was added */
	bool news;      /* a poll has something to tell already */

	/* call */
	char *method;
	char *key;
	/* poll */
	int64_t wait;
	LoopTimer *timer;
	int expiries; /* of the timer */
} Exchange;

/*
 * Takes the token of a request: Authorization: Bearer, or for a stream ?token= if that
 * is switched on. False when there is none.
 */
extern bool exchange_token(const Config *config, const HttpHead *head, Buf *token);

/* Begins to serve a request; the body's bytes are taken over. */
extern void exchange_begin(Gateway *gateway, Conn *conn, ExchangeKind kind,
						   const HttpHead *head, Buf *body);
extern void exchange_free(Conn *conn);

/* For ConnOps: a reply, or the bye at the end, was sent to the connection. */
extern void exchange_replied(Conn *conn, const Buf *json);

/* What a request calls the page that made it; NULL when it does not. */
extern const char *exchange_page(const Conn *conn);

/* Is it another request of the same page: the same user, who gave it the same name? */
extern bool exchange_is_same_page(const Conn *conn, const Conn *other);

/* At the end of a tick: goes on as far as it can; may what waits be written now? */
extern bool exchange_may_write(Conn *conn);

/* It cannot be served: this is the answer. For joining.c. */
extern void exchange_fail(Exchange *exchange, const ErrorCode *code, const char *message);

#endif
