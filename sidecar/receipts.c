/*
 * receipts.c: see receipts.h.
 */
#include "receipts.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* One of these for each channel; ids are JSON text or NULL. */
typedef struct Entry
{
	char *channel;
	char *method;
	char *written; /* behind the ping that is out */
	char *asked;   /* before it */
	char *acked;   /* to be told */
	char *calling; /* being told */
} Entry;

/* One of these for each connection that was sent such an event; freed with it. */
typedef struct Receipts
{
	Entry *entries;
	uint32_t count;
	uint32_t next;   /* whose turn it is to be told */
	uint32_t number; /* of the last ping */
	bool ping_is_out;
	bool calling;
	int64_t pinged_at;
	int64_t called_at;
} Receipts;

/* The place takes the text over. */
static void
put(char **place, char *text)
{
	free(*place);
	*place = text;
}

/* Moves what there is. */
static void
hand_on(char **from, char **to)
{
	if (*from == NULL)
		return;
	put(to, *from);
	*from = NULL;
}

/* The entry of the channel, made when it is new; NULL when there are too many. */
static Entry *
get_entry(Receipts *receipts, const Receipt *receipt)
{
	Entry *entry;

	for (uint32_t i = 0; i < receipts->count; i++)
	{
		if (strcmp(receipts->entries[i].channel, receipt->channel) == 0)
			return &receipts->entries[i];
	}
	if (receipts->count == RECEIPT_CHANNELS)
		return NULL;
	receipts->entries =
		mem_realloc(receipts->entries, (receipts->count + 1) * sizeof(Entry));
	entry = &receipts->entries[receipts->count++];
	*entry = (Entry){.channel = mem_strdup(receipt->channel)};
	return entry;
}

void
receipts_written(Conn *conn, const Receipt *receipt)
{
	const char *id = receipt_for(receipt, conn->user);
	Entry *entry;

	if (id == NULL)
		return;
	if (conn->receipts == NULL)
	{
		conn->receipts = mem_zalloc(sizeof(Receipts));
		conn->receipts->pinged_at = conn->receipts->called_at = -RECEIPT_INTERVAL_MS;
	}
	entry = get_entry(conn->receipts, receipt);
	if (entry == NULL)
		return;
	put(&entry->method, mem_strdup(receipt->method));
	put(&entry->written, mem_strdup(id));
}

uint32_t
receipts_ping(Conn *conn, int64_t now_ms)
{
	Receipts *receipts = conn->receipts;
	bool any = false;

	if (receipts == NULL || receipts->ping_is_out ||
		now_ms - receipts->pinged_at < RECEIPT_INTERVAL_MS)
		return 0;
	for (uint32_t i = 0; i < receipts->count; i++)
	{
		Entry *entry = &receipts->entries[i];

		any = any || entry->written != NULL;
		hand_on(&entry->written, &entry->asked);
	}
	if (!any)
		return 0;
	receipts->ping_is_out = true;
	receipts->pinged_at = now_ms;
	if (++receipts->number == 0)
		receipts->number = 1;
	return receipts->number;
}

void
receipts_pong(Conn *conn, uint32_t number)
{
	Receipts *receipts = conn->receipts;

	if (receipts == NULL || !receipts->ping_is_out || number != receipts->number)
		return;
	receipts->ping_is_out = false;
	for (uint32_t i = 0; i < receipts->count; i++)
		hand_on(&receipts->entries[i].asked, &receipts->entries[i].acked);
}

bool
receipts_next_call(Conn *conn, int64_t now_ms, ReceiptCall *call)
{
	Receipts *receipts = conn->receipts;

	if (receipts == NULL || receipts->calling ||
		now_ms - receipts->called_at < RECEIPT_INTERVAL_MS)
		return false;
	for (uint32_t i = 0; i < receipts->count; i++)
	{
		uint32_t at = (receipts->next + i) % receipts->count;
		Entry *entry = &receipts->entries[at];

		if (entry->acked == NULL)
			continue;
		hand_on(&entry->acked, &entry->calling);
		receipts->next = at + 1;
		receipts->calling = true;
		receipts->called_at = now_ms;
		*call = (ReceiptCall){entry->method, entry->calling};
		return true;
	}
	return false;
}

void
receipts_called(Conn *conn, bool again)
{
	Receipts *receipts = conn->receipts;

	receipts->calling = false;
	for (uint32_t i = 0; i < receipts->count; i++)
	{
		Entry *entry = &receipts->entries[i];

		/* what was acknowledged meanwhile includes it */
		if (again && entry->acked == NULL)
			hand_on(&entry->calling, &entry->acked);
		put(&entry->calling, NULL);
	}
}

bool
receipts_is_busy(const Conn *conn)
{
	const Receipts *receipts = conn->receipts;

	if (receipts == NULL)
		return false;
	for (uint32_t i = 0; i < receipts->count; i++)
	{
		const Entry *entry = &receipts->entries[i];

		if (entry->written || entry->acked || entry->calling)
			return true;
	}
	return false;
}

void
receipts_free(Conn *conn)
{
	Receipts *receipts = conn->receipts;

	if (receipts == NULL)
		return;
	for (uint32_t i = 0; i < receipts->count; i++)
	{
		Entry *entry = &receipts->entries[i];

		free(entry->channel);
		free(entry->method);
		free(entry->written);
		free(entry->asked);
		free(entry->acked);
		free(entry->calling);
	}
	free(receipts->entries);
	free(receipts);
	conn->receipts = NULL;
}
