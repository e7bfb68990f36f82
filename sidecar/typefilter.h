/*
 * typefilter.h: which types of events a subscription is for (layer 1).
 *
 * A filter is a list of names, each a whole type or the beginning of one and a star:
 * "task.created", "task.*", "*". Equal filters are one object, so that subscribers of
 * the same types share what is laid out for them: compare pointers. NULL is the filter
 * that lets everything pass.
 */
#ifndef WRK_TYPEFILTER_H
#define WRK_TYPEFILTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define TYPE_FILTER_MAX 32  /* names of a filter */
#define TYPE_PATTERN_MAX 64 /* characters of a name */

/* One of these for each different filter in use; freed with its last reference. */
typedef struct TypeFilter
{
	uint32_t refs;
	uint32_t count;
	char *text; /* the names as a JSON array, which is what makes filters equal */
	char **names;
} TypeFilter;

/*
 * The filter of a JSON array, with a reference for the caller; absent or null is NULL.
 * False with a message for the client when it is none.
 */
extern bool type_filter_read(const json_t *array, TypeFilter **filter, const char **why);

extern TypeFilter *type_filter_ref(TypeFilter *filter);
extern void type_filter_unref(TypeFilter *filter);

/* Is the type one that the filter lets pass? */
extern bool type_filter_passes(const TypeFilter *filter, const char *type);

#endif
