/*
 * server.h
 *	  What stands in for the server where its code is compiled without it.
 *
 * The pure files of the extension (json_*.c and blueprint_*.c without the entry
 * points of SQL) need memory, errors, strings and a stack that is checked: this
 * is all of it.  Every palloc() is a malloc() of its own, so that AddressSanitizer
 * sees what a memory context would hide.
 *
 * Included before everything else (-include), so that Assert() checks here.
 */
#ifndef FUZZ_SERVER_H
#define FUZZ_SERVER_H

#include "postgres.h"
#include "lib/stringinfo.h"

extern void fuzz_failed(const char *what, const char *file, int line);

/* what must be true; says where it was not, and aborts */
#define CHECK(condition) \
	((condition) ? (void) 0 : fuzz_failed(#condition, __FILE__, __LINE__))

#undef Assert
#define Assert(condition) CHECK(condition)

/* its type is not the same in all versions of the server */
#define appendBinaryStringInfo(text, data, len) server_append(text, data, len)
extern void server_append(StringInfo text, const void *data, int len);

/* calls work(arg); 0, or the SQLSTATE of the error it ended in */
extern int server_try(void (*work)(void *arg), void *arg);

/* whether an error is one that a document may end in: of ours, or of the stack */
extern bool server_may_refuse(int sqlstate);

/* frees whatever was palloc'd */
extern void server_reset(void);

#endif /* FUZZ_SERVER_H */
