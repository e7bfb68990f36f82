/*
 * utf8.h: what is well-formed UTF-8 (layer 0).
 *
 * By RFC 3629: no surrogates, no overlong forms, nothing past U+10FFFF.
 */
#ifndef WRK_UTF8_H
#define WRK_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at the front; 0 when it is none. */
extern size_t utf8_length(const unsigned char *bytes, size_t len);

/* Is all of it well-formed? */
extern bool utf8_is_valid(const unsigned char *bytes, size_t len);

#endif
