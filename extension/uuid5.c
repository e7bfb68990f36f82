/*
 * uuid5.c
 *	  UUIDs from names; see uuid5.h.
 */
#include "uuid5.h"

#include <openssl/evp.h>

#include "wrk_copilot.h"

Uuid5
uuid5(const Uuid5 *space, const void *name, int len)
{
	uint8 digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool done = context != NULL && EVP_DigestInit_ex(context, EVP_sha1(), NULL) &&
				EVP_DigestUpdate(context, space->bytes, UUID5_LEN) &&
				EVP_DigestUpdate(context, name, len) &&
				EVP_DigestFinal_ex(context, digest, NULL);
	Uuid5 uuid;

	EVP_MD_CTX_free(context);
	if (!done)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_INTERNAL), errmsg("could not compute SHA-1")));
	memcpy(uuid.bytes, digest, UUID5_LEN);
	uuid.bytes[6] = (uuid.bytes[6] & 0x0f) | 0x50;
	uuid.bytes[8] = (uuid.bytes[8] & 0x3f) | 0x80;
	return uuid;
}

char *
uuid5_text(const Uuid5 *uuid)
{
	static const char digits[] = "0123456789abcdef";
	char *text = palloc(37);
	char *p = text;

	for (int i = 0; i < UUID5_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[uuid->bytes[i] >> 4];
		*p++ = digits[uuid->bytes[i] & 0x0f];
	}
	*p = '\0';
	return text;
}
