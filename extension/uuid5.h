/*
 * uuid5.h
 *	  UUIDs of version 5 (RFC 9562, 5.5): names of things that have none.
 *
 * The same namespace and name have the same UUID everywhere and for ever.
 */
#ifndef WRK_UUID5_H
#define WRK_UUID5_H

#include "postgres.h"

#define UUID5_LEN 16

typedef struct Uuid5
{
	uint8 bytes[UUID5_LEN];
} Uuid5;

extern Uuid5 uuid5(const Uuid5 *space, const void *name, int len);

/* palloc'd, 36 characters in lower case */
extern char *uuid5_text(const Uuid5 *uuid);

#endif /* WRK_UUID5_H */
