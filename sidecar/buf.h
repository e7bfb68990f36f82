/*
 * buf.h: growable byte buffer (layer 0).
 *
 * Zero-initialised means empty and owning nothing. The owner of the struct owns
 * the bytes and calls buf_free(). buf_json_* write JSON text; the strings given
 * to them are UTF-8 (everything that comes from clients or the database is).
 */
#ifndef WRK_BUF_H
#define WRK_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Buf
{
	char *data;
	size_t len;
	size_t cap;
} Buf;

extern void buf_free(Buf *buf);
extern void buf_reserve(Buf *buf, size_t more);
extern void buf_append(Buf *buf, const void *bytes, size_t len);
extern void buf_puts(Buf *buf, const char *text);
extern void buf_printf(Buf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Drops the first len bytes; the rest moves to the front. */
extern void buf_consume(Buf *buf, size_t len);

/* Ends the text with a NUL that is not counted, and returns it. */
extern const char *buf_cstr(Buf *buf);

/* A JSON string with its quotes; NULL writes null. */
extern void buf_json_string(Buf *buf, const char *text);

#endif
