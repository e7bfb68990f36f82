/*
 * settings.c: see settings.h.
 */
#include "settings.h"

#include "address.h"
#include "log.h"
#include "origins.h"
#include "pg.h"
#include "tls.h"

#include <string.h>

static int arg_count;
static char **arg_values;
static Config said; /* as last read; what is in force may be adjusted since */

/* Puts the name of the setting in front of what a check complains about. */
static bool
name_error(Buf *error, const char *name, bool good, Buf *complaint)
{
	if (!good)
		buf_printf(error, "%s: %s", name, buf_cstr(complaint));
	buf_free(complaint);
	return good;
}

/* The lists that have a grammar of their own. */
static bool
lists_are_good(const Config *config, Buf *error)
{
	Buf complaint = {0};

	return name_error(error, "origins", origins_check(config->origins, &complaint),
					  &complaint) &&
		   name_error(error, "trusted_proxies",
					  networks_check(config->trusted_proxies, &complaint), &complaint);
}

/* False when it is neither. */
static bool
log_format_is_json(const char *name, bool *json)
{
	*json = strcmp(name, "json") == 0;
	return *json || strcmp(name, "logfmt") == 0;
}

bool
settings_check(const Config *config, Buf *error)
{
	LogLevel level;
	bool json;

	if (!log_level_from_name(config->log_level, &level))
	{
		buf_printf(error, "log_level: \"%s\" is not error, warn, info or debug",
				   config->log_level);
		return false;
	}
	if (!log_format_is_json(config->log_format, &json))
	{
		buf_printf(error, "log_format: \"%s\" is not logfmt or json", config->log_format);
		return false;
	}
	if (!pg_conninfo_is_valid(config->database))
	{
		buf_puts(error, "database: not a connection string of libpq");
		return false;
	}
	if (!pg_conninfo_is_valid(config->database_direct))
	{
		buf_puts(error, "database_direct: not a connection string of libpq");
		return false;
	}
	/* the last, because it has an effect */
	return lists_are_good(config, error) && tls_load(config, error);
}

void
settings_apply_log(const Config *config)
{
	LogLevel level;
	bool json;

	if (log_level_from_name(config->log_level, &level))
		log_set_level(level);
	if (log_format_is_json(config->log_format, &json))
		log_set_json(json);
}

void
settings_remember(int argc, char **argv)
{
	Buf unused = {0};

	arg_count = argc;
	arg_values = argv;
	config_load(&said, argc, argv, &unused, &unused);
	buf_free(&unused);
}

/* Tells of a value that is not what it was. Texts may be secret. */
static void
on_changed(void *arg, const char *name, bool taken)
{
	int *changes = arg;

	(*changes)++;
	if (taken)
		log_info("setting changed", "name=%s", name);
	else
		log_warn("setting not changed: it takes a restart", "name=%s", name);
}

/* Takes over what is good; false with a message when it is not. */
static bool
take(Gateway *gateway, Config *fresh, Buf *error)
{
	Config *config = &gateway->config;
	int changes = 0;

	if (tls_is_wanted(fresh) != tls_is_wanted(config))
	{
		buf_puts(error, "tls_cert: to begin or end with TLS takes a restart");
		return false;
	}
	if (!settings_check(fresh, error))
		return false;
	config_take(config, &said, fresh, on_changed, &changes);
	config_free(&said);
	said = *fresh;
	*fresh = (Config){0};
	settings_apply_log(config);
	if (gateway->table.config != NULL) /* the parent of workers has none */
		conn_table_configure(&gateway->table);
	log_info("settings read", "changes=%d", changes);
	return true;
}

void
settings_forget(void)
{
	config_free(&said);
}

void
settings_reload(Gateway *gateway)
{
	Config fresh;
	Buf out = {0};
	Buf error = {0};

	if (config_load(&fresh, arg_count, arg_values, &out, &error) != CONFIG_RUN ||
		!take(gateway, &fresh, &error))
		log_error("the settings are as before: they cannot be read", "reason=%s",
				  log_quote(buf_cstr(&error)));
	config_free(&fresh);
	buf_free(&out);
	buf_free(&error);
}
