/*
 * mem.h: allocation that cannot fail quietly (layer 0).
 *
 * Running out of memory ends the process with a message: every queue here is
 * bounded, so it means that the machine is misconfigured, and clients resume
 * from their positions at whichever gateway comes next.
 */
#ifndef WRK_MEM_H
#define WRK_MEM_H

#include <stddef.h>

extern void *mem_alloc(size_t size);  /* uninitialised */
extern void *mem_zalloc(size_t size); /* zeroed */
extern void *mem_realloc(void *ptr, size_t size);
extern char *mem_strdup(const char *text);
extern char *mem_strndup(const char *text, size_t len);

#endif
