/*
 * server.c
 *	  Memory, errors, strings and numbers without a server; see server.h.
 *
 * An error leaves by longjmp() to server_try(), as it does in the server; its
 * messages are formatted, for the sanitizers to see, and thrown away.
 */
#include "server.h"

#include <setjmp.h>

#include "miscadmin.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "json_number.h"
#include "number.h"
#include "wrk_copilot.h"

/* the server's own names for these are macros */
#undef vsnprintf
#undef fprintf
#undef qsort

#define STACK_BYTES (512 * 1024)

/* ---------- memory ---------- */

/* in front of what palloc() returns; one list of all */
typedef struct Chunk
{
	struct Chunk *next;
	struct Chunk *previous;
	Size size;
	Size padding; /* keeps the alignment of malloc() */
} Chunk;

static Chunk all = {&all, &all, 0, 0};

MemoryContext CurrentMemoryContext = NULL;

static void *
new_chunk(Size size, bool huge)
{
	Chunk *chunk;

	if (!huge && !AllocSizeIsValid(size))
		elog(ERROR, "invalid memory alloc request size %zu", size);
	chunk = malloc(sizeof(Chunk) + size);
	CHECK(chunk != NULL);
	chunk->size = size;
	chunk->next = all.next;
	chunk->previous = &all;
	all.next->previous = chunk;
	all.next = chunk;
	return chunk + 1;
}

void
pfree(void *pointer)
{
	Chunk *chunk = (Chunk *) pointer - 1;

	chunk->next->previous = chunk->previous;
	chunk->previous->next = chunk->next;
	free(chunk);
}

void
server_reset(void)
{
	while (all.next != &all)
		pfree(all.next + 1);
}

void *
palloc(Size size)
{
	return new_chunk(size, false);
}

void *
palloc0(Size size)
{
	return memset(new_chunk(size, false), 0, size);
}

void *
palloc_extended(Size size, int flags)
{
	void *pointer = new_chunk(size, (flags & MCXT_ALLOC_HUGE) != 0);

	return (flags & MCXT_ALLOC_ZERO) != 0 ? memset(pointer, 0, size) : pointer;
}

void *
repalloc(void *pointer, Size size)
{
	void *larger = new_chunk(size, false);

	memcpy(larger, pointer, Min(size, ((Chunk *) pointer - 1)->size));
	pfree(pointer);
	return larger;
}

void *
repalloc_huge(void *pointer, Size size)
{
	return repalloc(pointer, size);
}

char *
pnstrdup(const char *text, Size len)
{
	char *copy = palloc(len + 1);

	len = strnlen(text, len);
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *
pstrdup(const char *text)
{
	return pnstrdup(text, strlen(text));
}

/* ---------- strings ---------- */

void
enlargeStringInfo(StringInfo text, int needed)
{
	Size size = text->maxlen;

	CHECK(needed >= 0);
	if ((Size) needed >= MaxAllocSize - (Size) text->len)
		elog(ERROR, "out of memory");
	while (size < (Size) text->len + (Size) needed + 1)
		size *= 2;
	if (size == (Size) text->maxlen)
		return;
	text->data = repalloc(text->data, size);
	text->maxlen = (int) size;
}

/* begins smaller than the server's, so that buffers move */
void
initStringInfo(StringInfo text)
{
	text->maxlen = 16;
	text->data = palloc(text->maxlen);
	text->data[0] = '\0';
	text->len = 0;
	text->cursor = 0;
}

StringInfo
makeStringInfo(void)
{
	StringInfo text = palloc(sizeof(StringInfoData));

	initStringInfo(text);
	return text;
}

void
server_append(StringInfo text, const void *data, int len)
{
	enlargeStringInfo(text, len);
	memcpy(text->data + text->len, data, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void
appendStringInfoString(StringInfo text, const char *more)
{
	server_append(text, more, (int) strlen(more));
}

#undef appendStringInfoChar
void
appendStringInfoChar(StringInfo text, char c)
{
	server_append(text, &c, 1);
}

static char *
format_text(const char *format, va_list args)
{
	va_list again;
	char *text;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	CHECK(len >= 0);
	text = palloc(len + 1);
	(void) vsnprintf(text, len + 1, format, args);
	return text;
}

void
appendStringInfo(StringInfo text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	appendStringInfoString(text, format_text(format, args));
	va_end(args);
}

int
pg_snprintf(char *text, size_t size, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, size, format, args);
	va_end(args);
	return len;
}

char *
psprintf(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = format_text(format, args);
	va_end(args);
	return text;
}

void
escape_json(StringInfo text, const char *string)
{
	appendStringInfo(text, "\"%s\"", string);
}

void
pg_qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	if (n > 1)
		qsort(base, n, size, compare);
}

/* ---------- errors ---------- */

static jmp_buf *handler;
static int level;
static int state;
static char *stack_base;

volatile sig_atomic_t InterruptPending = false;

void
ProcessInterrupts(void)
{
}

bool
errstart(int elevel, const char *domain)
{
	level = elevel;
	state = ERRCODE_INTERNAL_ERROR;
	return elevel >= ERROR;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	if (level < ERROR)
		return;
	CHECK(handler != NULL);
	longjmp(*handler, state);
}

int
errcode(int sqlstate)
{
	state = sqlstate;
	return 0;
}

#define MESSAGE(name) \
	int name(const char *format, ...) \
	{ \
		va_list args; \
\
		va_start(args, format); \
		pfree(format_text(format, args)); \
		va_end(args); \
		return 0; \
	}

MESSAGE(errmsg)
MESSAGE(errmsg_internal)
MESSAGE(errdetail)
MESSAGE(errdetail_internal)
MESSAGE(errhint)

int
errmsg_plural(const char *one, const char *many, unsigned long n, ...)
{
	va_list args;

	va_start(args, n);
	pfree(format_text(n == 1 ? one : many, args));
	va_end(args);
	return 0;
}

void
check_stack_depth(void)
{
	char here;

	if (stack_base != NULL && labs(stack_base - &here) > STACK_BYTES)
		ereport(ERROR, (errcode(ERRCODE_STATEMENT_TOO_COMPLEX), errmsg("stack")));
}

int
server_try(void (*work)(void *arg), void *arg)
{
	jmp_buf here;
	jmp_buf *outer = handler;
	char base;
	int result;

	if (stack_base == NULL)
		stack_base = &base;
	result = setjmp(here);
	if (result == 0)
	{
		handler = &here;
		work(arg);
	}
	handler = outer;
	if (outer == NULL)
		stack_base = NULL;
	return result;
}

bool
server_may_refuse(int sqlstate)
{
	return sqlstate == ERRCODE_STATEMENT_TOO_COMPLEX ||
		   ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_TO_CATEGORY(ERRCODE_WRK_BAD_REQUEST);
}

void
fuzz_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
	abort();
}

/* ---------- numbers ---------- */

Numeric
fuzz_number(int64 value, int zeros)
{
	int len = VARHDRSZ + sizeof(value) + zeros;
	char *number = palloc0(len);

	SET_VARSIZE(number, len);
	memcpy(number + VARHDRSZ, &value, sizeof(value));
	return (Numeric) number;
}

bool
json_number_equal(Numeric a, Numeric b)
{
	return memcmp((char *) a + VARHDRSZ, (char *) b + VARHDRSZ, sizeof(int64)) == 0;
}

Numeric
json_number_from_int(int64 value)
{
	return fuzz_number(value, 0);
}
