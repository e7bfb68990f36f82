/*
 * access.h: news of rights that may have become fewer (layer 1).
 *
 * The control events of one fetch, gathered, so that all connections are looked at
 * once whatever their number. What must stay true: in doubt it concerns everybody;
 * a payload that makes no sense is about all.
 */
#ifndef WRK_ACCESS_H
#define WRK_ACCESS_H

#include "buf.h"
#include "list.h"
#include "strmap.h"

#include <stdbool.h>

/* One of these for each fetch with news; owns its names. Zeroed is empty. */
typedef struct AccessNews
{
	StrMap names; /* of kind, tenant and name; the value is the owner of the key */
	bool any;
	bool all; /* everybody is concerned */
	Buf key;  /* scratch for looking up */
} AccessNews;

/* Adds one control event: its payload, {tenant, users, sessions, channels} or {all}. */
extern void access_add(AccessNews *news, const char *payload);
extern void access_free(AccessNews *news);

/* Is anything in it about this tenant, or about a session of any tenant? */
extern bool access_is_about(AccessNews *news, const char *tenant);

/* Is it about this connection as a whole? */
extern bool access_names(AccessNews *news, const char *tenant, const char *user,
						 const char *sid);

/* Is it about a channel, or about the presence channel of it? */
extern bool access_names_channel(AccessNews *news, const char *tenant,
								 const char *channel);

#endif
