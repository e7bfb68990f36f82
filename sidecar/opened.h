/*
 * opened.h: what the database says a token stands for (layer 1).
 */
#ifndef WRK_OPENED_H
#define WRK_OPENED_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The answer of gateway_open(); everything borrows from root. */
typedef struct Opened
{
	json_t *root;
	const char *tenant;
	const char *user;     /* "" for a service without a user */
	const char *sid;      /* the token's session, "" for none */
	int64_t expires_at;   /* wall ms, 0 = never */
	int64_t mask;         /* audience bits of its roles */
	const json_t *limits; /* of the tenant's own */
} Opened;

/* Reads the answer's text; false when it makes no sense. Free it in both cases. */
extern bool opened_read(Opened *opened, const char *text);
extern void opened_free(Opened *opened);

/* May the client publish in a channel, by what gateway_subscribe() says of it? */
extern bool grant_may_publish(const json_t *grant);

#endif
