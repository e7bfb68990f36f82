/*
 * word.h: one ephemeral event, and how gateways tell each other of it (layer 1).
 *
 * What is unpacked came over the bus: it is believed only when a gateway could have
 * said it.
 */
#ifndef WRK_WORD_H
#define WRK_WORD_H

#include "buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define EPHEMERAL_DATA_MAX 6144 /* bytes of its data: it must fit a notification */

/* One word; all borrowed. */
typedef struct Word
{
	const char *channel; /* canonical */
	const char *user;
	const char *type;
	const char *data; /* JSON text */
	size_t len;
} Word;

/* A word as gateways tell it each other. False when it is too long for that. */
extern bool word_pack(const Word *word, Buf *out, size_t max);

/*
 * The contrary: *root holds what the word borrows besides the text; free it with
 * json_decref(). False for what no gateway would have said.
 */
extern bool word_unpack(const char *text, size_t len, Word *word, json_t **root);

#endif
