/*
 * errors.c: see errors.h.
 */
#include "errors.h"

#include "mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const ErrorCode error_bad_request = {"", "bad_request", 400, "no"};
const ErrorCode error_unauthorized = {"", "unauthorized", 401, "refresh"};
const ErrorCode error_token_expired = {"", "token_expired", 401, "refresh"};
const ErrorCode error_session_revoked = {"", "session_revoked", 401, "no"};
const ErrorCode error_forbidden = {"", "forbidden", 403, "no"};
const ErrorCode error_not_found = {"", "not_found", 404, "no"};
const ErrorCode error_conflict = {"", "conflict", 409, "no"};
const ErrorCode error_too_large = {"", "too_large", 413, "no"};
const ErrorCode error_rate_limited = {"", "rate_limited", 429, "backoff"};
const ErrorCode error_limit_exceeded = {"", "limit_exceeded", 429, "no"};
const ErrorCode error_limit_for_now = {"", "limit_exceeded", 429, "backoff"};
const ErrorCode error_internal = {"", "internal", 500, "no"};
const ErrorCode error_unavailable = {"", "unavailable", 503, "backoff"};

static ErrorCode *table;
static size_t table_len;

/* Reads one entry of the mapping; false when it lacks something. */
static bool
read_entry(const json_t *item, ErrorCode *entry)
{
	const char *sqlstate = json_string_value(json_object_get(item, "sqlstate"));
	const char *code = json_string_value(json_object_get(item, "code"));
	const char *retry = json_string_value(json_object_get(item, "retry"));
	json_int_t status = json_integer_value(json_object_get(item, "status"));

	if (sqlstate == NULL || *sqlstate == '\0' || code == NULL || status < 100)
		return false;
	snprintf(entry->sqlstate, sizeof(entry->sqlstate), "%s", sqlstate);
	snprintf(entry->code, sizeof(entry->code), "%s", code);
	snprintf(entry->retry, sizeof(entry->retry), "%s", retry ? retry : "no");
	entry->status = (int) status;
	return true;
}

void
errors_load(const json_t *array)
{
	size_t index;
	json_t *item;

	free(table);
	table = mem_zalloc((json_array_size(array) + 1) * sizeof(ErrorCode));
	table_len = 0;
	json_array_foreach((json_t *) (uintptr_t) array, index, item)
	{
		if (read_entry(item, &table[table_len]))
			table_len++;
	}
}

const ErrorCode *
errors_find(const char *sqlstate)
{
	const ErrorCode *best = &error_internal;
	size_t best_len = 0;

	for (size_t i = 0; i < table_len; i++)
	{
		size_t len = strlen(table[i].sqlstate);

		if (len > best_len && strncmp(table[i].sqlstate, sqlstate, len) == 0)
		{
			best = &table[i];
			best_len = len;
		}
	}
	return best;
}
