/*
 * typefilter.c: see typefilter.h.
 */
#include "typefilter.h"

#include "mem.h"
#include "strmap.h"

#include <stdlib.h>
#include <string.h>

static StrMap filters; /* by text */

/* Is it a name of a type, perhaps with a star at its end? */
static bool
is_pattern(const json_t *name)
{
	const char *text = json_string_value(name);
	size_t len = json_string_length(name);
	size_t plain;

	if (text == NULL || len == 0 || len > TYPE_PATTERN_MAX)
		return false;
	plain = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
						 "0123456789_.:-");
	return plain == len || (plain == len - 1 && text[plain] == '*');
}

/* Is the array a filter? *why says what it should have been. */
static bool
is_filter(const json_t *array, const char **why)
{
	size_t i;
	json_t *name;

	*why = "types must be an array of 1 to 32 names of types, of which the last "
		   "character may be *";
	if (!json_is_array(array) || json_array_size(array) == 0 ||
		json_array_size(array) > TYPE_FILTER_MAX)
		return false;
	json_array_foreach(array, i, name)
	{
		if (!is_pattern(name))
			return false;
	}
	return true;
}

/* A new one; text is taken over. */
static TypeFilter *
make(const json_t *array, char *text)
{
	TypeFilter *filter = mem_zalloc(sizeof(TypeFilter));

	filter->text = text;
	filter->count = (uint32_t) json_array_size(array);
	filter->names = mem_alloc(filter->count * sizeof(char *));
	for (uint32_t i = 0; i < filter->count; i++)
		filter->names[i] = mem_strdup(json_string_value(json_array_get(array, i)));
	strmap_add(&filters, filter->text, filter);
	return filter;
}

bool
type_filter_read(const json_t *array, TypeFilter **filter, const char **why)
{
	char *text;

	*filter = NULL;
	if (array == NULL || json_is_null(array))
		return true;
	if (!is_filter(array, why))
		return false;
	text = json_dumps(array, JSON_COMPACT);
	*filter = strmap_get(&filters, text);
	if (*filter != NULL)
		free(text);
	else
		*filter = make(array, text);
	(*filter)->refs++;
	return true;
}

TypeFilter *
type_filter_ref(TypeFilter *filter)
{
	if (filter != NULL)
		filter->refs++;
	return filter;
}

void
type_filter_unref(TypeFilter *filter)
{
	if (filter == NULL || --filter->refs > 0)
		return;
	strmap_remove(&filters, filter->text);
	for (uint32_t i = 0; i < filter->count; i++)
		free(filter->names[i]);
	free(filter->names);
	free(filter->text);
	free(filter);
	if (filters.count == 0)
		strmap_free(&filters);
}

/* Does the type match the name? */
static bool
matches(const char *name, const char *type)
{
	size_t len = strlen(name);

	if (name[len - 1] == '*')
		return strncmp(name, type, len - 1) == 0;
	return strcmp(name, type) == 0;
}

bool
type_filter_passes(const TypeFilter *filter, const char *type)
{
	if (filter == NULL)
		return true;
	for (uint32_t i = 0; i < filter->count; i++)
	{
		if (matches(filter->names[i], type))
			return true;
	}
	return false;
}
