/*
 * hello.h: what the database tells a gateway that begins (layer 1).
 */
#ifndef WRK_HELLO_H
#define WRK_HELLO_H

#include "buf.h"

#include <jansson.h>
#include <stdbool.h>

#define HELLO_PROTOCOL "1"

/* Strings are borrowed from root; release with hello_free(). */
typedef struct Hello
{
	json_t *root;
	const char *version;
	const char *epoch;
	const char *snapshot;
	const char *doorbell;
	const json_t *errors;
	const json_t *receipts;
} Hello;

/* False when it is not the hello of our protocol. Free in either case. */
extern bool hello_read(Hello *hello, const char *text);
extern void hello_free(Hello *hello);

/* The i-th channel to LISTEN to, NULL past the last. */
extern const char *hello_listen(const Hello *hello, size_t i);

/* LISTEN takes no parameters: the statement with the name as an identifier. */
extern const char *listen_statement(Buf *sql, const char *name);

#endif
