/*
 * mem.c: see mem.h.
 */
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the process rather than returning NULL. */
static void *
check(void *ptr, size_t size)
{
	if (ptr == NULL && size != 0)
	{
		fprintf(stderr, "level=fatal msg=\"out of memory\" bytes=%zu\n", size);
		abort();
	}
	return ptr;
}

void *
mem_alloc(size_t size)
{
	return check(malloc(size), size);
}

void *
mem_zalloc(size_t size)
{
	return check(calloc(1, size), size);
}

void *
mem_realloc(void *ptr, size_t size)
{
	return check(realloc(ptr, size), size);
}

char *
mem_strndup(const char *text, size_t len)
{
	char *copy = mem_alloc(len + 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *
mem_strdup(const char *text)
{
	return mem_strndup(text, strlen(text));
}
