/*
 * address.h: network addresses, and who is behind a proxy (layer 1).
 *
 * An IPv4 address in IPv6 clothes (::ffff:192.0.2.1) is the IPv4 address. Names
 * are never looked up. A list of networks is text, entries apart by blanks or
 * commas: "10.0.0.0/8, 192.0.2.7, 2001:db8::/32".
 *
 * What must stay true: a header is believed only as far as it was written by
 * somebody listed. X-Forwarded-For is read from its right end: each proxy adds
 * whom it saw, so the first address that is not a listed proxy's is the client,
 * and whatever stands left of it the client may have made up.
 */
#ifndef WRK_ADDRESS_H
#define WRK_ADDRESS_H

#include "buf.h"
#include "httphead.h"

#include <stdbool.h>
#include <stddef.h>

#define ADDRESS_TEXT_MAX 46 /* with its NUL, INET6_ADDRSTRLEN */

typedef struct Address
{
	unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
} Address;

/* The address itself; a zone (%eth0) behind it is left out. */
extern bool address_parse(const char *text, size_t len, Address *address);

/* In the one way that RFC 5952 allows, IPv4 dotted. */
extern void address_format(const Address *address, char out[ADDRESS_TEXT_MAX]);

extern bool networks_have(const char *list, const Address *address);

/* Is every entry of the list one? The error names the one that is not. */
extern bool networks_check(const char *list, Buf *error);

/*
 * Who the request is from: the peer, or if that is a trusted proxy, whom the
 * proxies say. A proxy may send requests of several clients over one connection.
 */
extern void address_behind_proxies(const HttpHead *head, const char *trusted,
								   const char peer[ADDRESS_TEXT_MAX],
								   char client[ADDRESS_TEXT_MAX]);

/* Of this machine itself? */
extern bool address_is_local(const char *text);

#endif
