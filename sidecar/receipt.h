/*
 * receipt.h: which events the application wants to know the arrival of (layer 1).
 *
 * The database says which types, and the method to call. A Receipt hangs on the chunk
 * that has such events in it and names the last of them; because one's own events
 * are nothing to acknowledge, it also names the last of another sender than that.
 * Shared by a chunk and its twins; freed with the last reference.
 */
#ifndef WRK_RECEIPT_H
#define WRK_RECEIPT_H

#include <jansson.h>
#include <stdint.h>

/* One event: the id of its payload as JSON text, and whose it is. */
typedef struct ReceiptMark
{
	char *id; /* NULL = there is none */
	char *sender;
} ReceiptMark;

typedef struct Receipt
{
	uint32_t refs;
	char *channel;
	char *method;
	ReceiptMark last;
	ReceiptMark other; /* the last one that is not of the same sender */
} Receipt;

/* Replaces the rules by the `receipts` array of the database's hello. */
extern void receipt_rules_load(const json_t *array);

/* The method for events of this type, NULL when nobody wants to know. */
extern const char *receipt_method(const char *event_type);

/* Member id of a payload as JSON text, malloc'd; NULL when it has none. */
extern char *receipt_id(const char *payload, size_t len);

/*
 * One more event is in what the receipt is for; made when it was NULL. When the method
 * is another than before, the events before are forgotten.
 */
extern void receipt_add(Receipt **receipt, const char *channel, const char *method,
						const char *id, const char *sender);

/* What somebody acknowledges by it: an id, or NULL for nothing. */
extern const char *receipt_for(const Receipt *receipt, const char *user);

extern Receipt *receipt_ref(Receipt *receipt);
extern void receipt_unref(Receipt *receipt);

#endif
