/*
 * receipts.h: what a client has acknowledged, and what is still to be told (layer 2).
 *
 * For each channel the last event goes through three hands: written to the socket,
 * asked about with a numbered ping behind it, acknowledged by the pong of that number.
 * A pong acknowledges all that was written before its ping. What must stay true: what
 * was not written before the ping is never acknowledged by its pong; there is one
 * ping at a time, a second apart, and one call at a time, likewise.
 *
 * Bound: RECEIPT_CHANNELS channels a connection; more are left out.
 */
#ifndef WRK_RECEIPTS_H
#define WRK_RECEIPTS_H

#include "conn.h"
#include "receipt.h"

#define RECEIPT_CHANNELS 64
#define RECEIPT_INTERVAL_MS 1000

/* A call to be made; borrowed until the next call of a function of this file. */
typedef struct ReceiptCall
{
	const char *method;
	const char *id; /* JSON text */
} ReceiptCall;

/* A chunk with this receipt was written to the connection's socket. */
extern void receipts_written(Conn *conn, const Receipt *receipt);

/* Number of a ping to be sent now, 0 = none; what is written so far is asked about. */
extern uint32_t receipts_ping(Conn *conn, int64_t now_ms);

/* The client has answered that ping. */
extern void receipts_pong(Conn *conn, uint32_t number);

/* Is there a call to be made now? If so, it is made: until receipts_called() no other. */
extern bool receipts_next_call(Conn *conn, int64_t now_ms, ReceiptCall *call);

/* It is over; again: the database did not hear it. */
extern void receipts_called(Conn *conn, bool again);

/* Is anything under way for this connection? */
extern bool receipts_is_busy(const Conn *conn);

extern void receipts_free(Conn *conn);

#endif
