/*
 * base64url.h
 *	  Base64url without padding (RFC 4648 section 5, RFC 7515 section 2).
 */
#ifndef WRK_BASE64URL_H
#define WRK_BASE64URL_H

#include "postgres.h"

/* bytes that n bytes become when encoded */
#define BASE64URL_ENCODED_LEN(n) (((size_t) (n) *4 + 2) / 3)

/* bytes that n characters become when decoded */
#define BASE64URL_DECODED_LEN(n) ((size_t) (n) *3 / 4)

/* writes BASE64URL_ENCODED_LEN(len) characters, no terminator; returns how many */
extern size_t base64url_encode(const uint8 *src, size_t len, char *dst);

/*
 * Writes at most BASE64URL_DECODED_LEN(len) bytes and returns how many, or -1
 * when src is not the one canonical encoding of any bytes: a character outside
 * the alphabet (padding included), an impossible length, unused bits set.
 */
extern ssize_t base64url_decode(const char *src, size_t len, uint8 *dst);

#endif /* WRK_BASE64URL_H */
