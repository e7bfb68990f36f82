/*
 * origins.h: whose pages may talk to this gateway (layer 0).
 *
 * A browser says with Origin which page a request comes from, and no page can
 * make it lie. Nothing else sends the header in earnest, so a request without one
 * is none of a page's and is let in: it has to present a token like everybody.
 *
 * The list is text, entries apart by blanks or commas:
 *     https://app.example.com      this origin, its default port
 *     SCHEME *.example.com         every name below example.com, not itself
 *     http://localhost:*           any port
 *     null                         sandboxed pages and files, only if said so
 *     *                            everybody
 * (SCHEME is https and its slashes, which C would take for a comment's beginning).
 * What must stay true: an origin is compared as a whole, part by part, and what is
 * not an origin (a path, a user, a name that only begins or ends alike) is refused.
 */
#ifndef WRK_ORIGINS_H
#define WRK_ORIGINS_H

#include "buf.h"

#include <stdbool.h>

/* origin is the value of the header, NULL when there was none. */
extern bool origin_allowed(const char *list, const char *origin);

/* Is every entry of the list one? The error names the one that is not. */
extern bool origins_check(const char *list, Buf *error);

#endif
