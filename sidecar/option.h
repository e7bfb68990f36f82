/*
 * option.h: the table of options, for config*.c only (layer 0).
 */
#ifndef WRK_OPTION_H
#define WRK_OPTION_H

#include "config.h"

#include <stddef.h>

typedef struct Option
{
	const char *name;
	size_t offset;
	const char *initial; /* default, as text */
	const char *unit;    /* NULL = the value is text */
	int64_t min;
	int64_t max;
	const char *meaning;
} Option;

extern const Option config_options[];
extern const size_t config_noptions;

/* Where an option's value lives in the Config. */
extern void *config_member(const Config *config, const Option *option);

/* Help, settings in force, tables: what answers the user. */
extern void config_print_help(Buf *out);
extern void config_print_values(const Config *config, Buf *out);

#endif
