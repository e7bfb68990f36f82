/*
 * channel.h
 *	  What a channel's name means for an identity; see channel.c.
 */
#ifndef WRK_CHANNEL_H
#define WRK_CHANNEL_H

#include "identity.h"

/*
 * Canonical name of a channel in which the identity has the right; palloc'd.  Errors:
 * bad_request and too_large for what is no name, not_found for a channel that the
 * identity may not join, forbidden for one where it lacks the right.
 */
extern char *channel_require(const Identity *id, const char *name, const char *right);

/* the channel that name is the canonical name of, for who may speak for all; errors alike
 */
extern char *channel_canonical(const char *name);

#endif /* WRK_CHANNEL_H */
