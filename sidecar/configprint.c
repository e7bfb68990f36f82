/*
 * configprint.c: see option.h and config.h; the options as text for people.
 */
#include "option.h"

#include <inttypes.h>
#include <string.h>

void
config_print_help(Buf *out)
{
	buf_puts(out, "wrk_copilot_gateway: WebSocket gateway of wrk_copilot\n\n"
				  "Usage: wrk_copilot_gateway [--config FILE] [--OPTION VALUE]...\n\n"
				  "  --config FILE      read key = value lines first\n"
				  "  --print-config     print the settings in force and exit\n"
				  "  --help, --version  print and exit\n\n"
				  "Options, also as lines of the file (port = 8787) and as environment\n"
				  "variables (WRK_GATEWAY_PORT=8787):\n\n");
	for (size_t i = 0; i < config_noptions; i++)
	{
		const Option *option = &config_options[i];

		buf_printf(out, "  --%-18s %s\n", option->name, option->meaning);
		if (option->unit != NULL)
			buf_printf(out, "  %-20s default %s (%s)\n", "", option->initial,
					   option->unit);
		else if (*option->initial)
			buf_printf(out, "  %-20s default %s\n", "", option->initial);
	}
}

/* May there be a password in this connection string? */
static bool
holds_password(const char *conninfo)
{
	return strstr(conninfo, "pass") != NULL ||
		   (strstr(conninfo, "://") != NULL && strchr(conninfo, '@') != NULL);
}

void
config_print_values(const Config *config, Buf *out)
{
	for (size_t i = 0; i < config_noptions; i++)
	{
		const Option *option = &config_options[i];
		const void *at = config_member(config, option);

		if (option->unit != NULL)
			buf_printf(out, "%s = %" PRId64 "\n", option->name, *(const int64_t *) at);
		else if (strncmp(option->name, "database", 8) == 0 &&
				 holds_password(*(char *const *) at))
			buf_printf(out, "# %s = (holds a password)\n", option->name);
		else
			buf_printf(out, "%s = '%s'\n", option->name, *(char *const *) at);
	}
}

void
config_print_table(Buf *out)
{
	for (size_t i = 0; i < config_noptions; i++)
	{
		const Option *option = &config_options[i];

		buf_printf(out, "| `%s` | %s%s%s | %s | %s |\n", option->name,
				   *option->initial ? "`" : "", option->initial,
				   *option->initial ? "`" : "", option->unit ? option->unit : "text",
				   option->meaning);
	}
}

/* A text for troff: what it would take for a command or an escape is none. */
static void
append_troff(Buf *out, const char *text)
{
	for (; *text; text++)
	{
		if (*text == '-' || *text == '\\')
			buf_append(out, "\\", 1);
		buf_append(out, text, 1);
	}
}

void
config_print_man(Buf *out)
{
	for (size_t i = 0; i < config_noptions; i++)
	{
		const Option *option = &config_options[i];

		buf_puts(out, ".TP\n.BR \\-\\-");
		append_troff(out, option->name);
		buf_puts(out, " \" \"\\fIvalue\\fR\n");
		append_troff(out, option->meaning);
		if (*option->initial)
		{
			buf_puts(out, "; default ");
			append_troff(out, option->initial);
		}
		if (option->unit != NULL)
			buf_printf(out, " (%s)", option->unit);
		buf_puts(out, ".\n");
	}
}
