/*
 * logjson.h: a line of the log as a JSON object (layer 0).
 *
 * Whatever is in the values, the result is one valid JSON object on one line: bytes
 * that are no UTF-8 become U+FFFD, a value that was cut ends where it was cut.
 */
#ifndef WRK_LOGJSON_H
#define WRK_LOGJSON_H

#include "buf.h"

/* Appends ,"key":value for each key=value of the text; "quoted" ones are unquoted. */
extern void logjson_pairs(Buf *out, const char *pairs);

/* Appends a text as a JSON string, made valid. */
extern void logjson_string(Buf *out, const char *text, size_t len);

#endif
