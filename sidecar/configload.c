/*
 * configload.c: see config.h; settings from the file, the environment and the flags.
 */
#include "mem.h"
#include "option.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef WRK_VERSION
#define WRK_VERSION "unknown"
#endif

#define GENERAL_FLAGS 7 /* with the end */

/* Cuts white space off both ends, in place. */
static char *
trim(char *text)
{
	char *end;

	while (isspace((unsigned char) *text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char) end[-1]))
		end--;
	*end = '\0';
	return text;
}

/* One line of the file: nothing, # comment, or key = value ('quotes' optional). */
static bool
set_from_line(Config *config, char *line, Buf *error)
{
	char *equals;
	char *value;
	size_t len;

	line = trim(line);
	if (*line == '\0' || *line == '#')
		return true;
	equals = strchr(line, '=');
	if (equals == NULL)
	{
		buf_printf(error, "expected key = value");
		return false;
	}
	*equals = '\0';
	value = trim(equals + 1);
	len = strlen(value);
	if (len >= 2 && (*value == '"' || *value == '\'') && value[len - 1] == *value)
	{
		value[len - 1] = '\0';
		value++;
	}
	return config_set(config, trim(line), value, error);
}

/* Sets options from the lines of a file; the error names the line. */
static bool
load_file(Config *config, const char *path, Buf *error)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int number = 0;
	bool ok = true;

	if (file == NULL)
	{
		buf_printf(error, "cannot open \"%s\": %s", path, strerror(errno));
		return false;
	}
	while (ok && (len = getline(&line, &size, file)) >= 0)
	{
		Buf detail = {0};

		number++;
		ok = strlen(line) == (size_t) len && set_from_line(config, line, &detail);
		if (!ok && detail.len == 0)
			buf_puts(&detail, "not text");
		if (!ok)
			buf_printf(error, "%s line %d: %s", path, number, buf_cstr(&detail));
		buf_free(&detail);
	}
	free(line);
	fclose(file);
	return ok;
}

/* WRK_GATEWAY_POOL_SIZE for pool_size */
static const char *
from_environment(const char *name)
{
	char variable[64] = "WRK_GATEWAY_";
	size_t at = strlen(variable);

	for (; *name && at < sizeof(variable) - 1; name++)
		variable[at++] = (char) toupper((unsigned char) *name);
	variable[at] = '\0';
	return getenv(variable);
}

/* Sets options from the WRK_GATEWAY_ variables that exist. */
static bool
load_environment(Config *config, Buf *error)
{
	for (size_t i = 0; i < config_noptions; i++)
	{
		const char *value = from_environment(config_options[i].name);

		if (value != NULL && !config_set(config, config_options[i].name, value, error))
			return false;
	}
	return true;
}

enum
{
	FLAG_HELP = 1000,
	FLAG_VERSION,
	FLAG_PRINT,
	FLAG_TABLE,
	FLAG_MAN,
	FLAG_CONFIG,
	FLAG_OPTION = 2000 /* and its index: a small number may be getopt's '?' */
};

/* The options and the general flags in getopt_long's form. */
static void
make_flags(struct option *flags)
{
	static const struct option general[] = {
		{"help", no_argument, NULL, FLAG_HELP},
		{"version", no_argument, NULL, FLAG_VERSION},
		{"print-config", no_argument, NULL, FLAG_PRINT},
		{"print-option-table", no_argument, NULL, FLAG_TABLE},
		{"print-option-man", no_argument, NULL, FLAG_MAN},
		{"config", required_argument, NULL, FLAG_CONFIG},
		{NULL, 0, NULL, 0}};

	for (size_t i = 0; i < config_noptions; i++)
		flags[i] = (struct option){config_options[i].name, required_argument, NULL,
								   FLAG_OPTION + (int) i};
	memcpy(flags + config_noptions, general, sizeof(general));
}

/*
 * One pass over the flags. file_only: just find --config; else set the options
 * and note in *print which general flag was there.
 */
static bool
scan_flags(Config *config, int argc, char **argv, const char **file, int *print,
		   Buf *error)
{
	struct option flags[config_noptions + GENERAL_FLAGS];
	int flag;

	make_flags(flags);
	optind = 0; /* glibc: start over */
	opterr = 0;
	while ((flag = getopt_long(argc, argv, "", flags, NULL)) >= 0)
	{
		if (flag == '?')
		{
			buf_printf(error, "unknown flag or missing value: %s (see --help)",
					   argv[optind - 1]);
			return false;
		}
		if (flag == FLAG_CONFIG)
			*file = optarg;
		else if (flag < FLAG_OPTION)
			*print = flag;
		else if (config && !config_set(config, config_options[flag - FLAG_OPTION].name,
									   optarg, error))
			return false;
	}
	if (optind < argc)
	{
		buf_printf(error, "unexpected argument: %s (see --help)", argv[optind]);
		return false;
	}
	return true;
}

/* Answers a general flag. */
static void
answer(const Config *config, int flag, Buf *out)
{
	if (flag == FLAG_HELP)
		config_print_help(out);
	else if (flag == FLAG_VERSION)
		buf_puts(out, "wrk_copilot_gateway " WRK_VERSION "\n");
	else if (flag == FLAG_TABLE)
		config_print_table(out);
	else if (flag == FLAG_MAN)
		config_print_man(out);
	else
		config_print_values(config, out);
}

ConfigResult
config_load(Config *config, int argc, char **argv, Buf *out, Buf *error)
{
	const char *file = from_environment("config");
	int print = 0;

	memset(config, 0, sizeof(*config));
	for (size_t i = 0; i < config_noptions; i++)
	{
		if (!config_set(config, config_options[i].name, config_options[i].initial, error))
			return CONFIG_WRONG;
	}
	if (!scan_flags(NULL, argc, argv, &file, &print, error))
		return CONFIG_WRONG;
	if (file != NULL && *file != '\0' && !load_file(config, file, error))
		return CONFIG_WRONG;
	if (!load_environment(config, error) ||
		!scan_flags(config, argc, argv, &file, &print, error))
		return CONFIG_WRONG;
	if (print == 0)
		return CONFIG_RUN;
	answer(config, print, out);
	return CONFIG_DONE;
}
