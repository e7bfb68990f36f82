/*
 * config.h: every setting of the gateway (layer 0).
 *
 * One table in config.c names each option once, with its default, unit, bounds
 * and meaning; file, environment, flags, --help, --print-config and the README's
 * table are all made from it. Later sources win: defaults, file, environment,
 * flags. Strings belong to the Config and live until config_free().
 */
#ifndef WRK_CONFIG_H
#define WRK_CONFIG_H

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Config
{
	/* where */
	char *listen;
	int64_t port;
	int64_t backlog;
	int64_t reuse_port;
	char *database;
	char *database_direct;
	int64_t role_check;
	char *name;
	char *log_level;
	char *log_format;
	char *metrics_listen;
	char *origins;
	char *trusted_proxies;
	char *tls_cert;
	char *tls_key;
	/* database */
	int64_t pool_size;
	int64_t pool_queue;
	int64_t query_timeout;
	int64_t reconnect_min;
	int64_t reconnect_max;
	/* feed */
	int64_t fetch_rows;
	int64_t fetch_bytes;
	int64_t fetch_pause_max;
	int64_t replay_rows;
	int64_t poll_safety;
	int64_t poll_fast;
	int64_t probe_interval;
	int64_t probe_timeout;
	/* connections */
	int64_t max_connections;
	int64_t frame_max;
	int64_t subscriptions_max;
	int64_t requests_max;
	int64_t auth_timeout;
	int64_t heartbeat;
	int64_t token_warning;
	int64_t typing_timeout;
	int64_t token_grace;
	int64_t idle_timeout;
	int64_t resume_grace;
	int64_t recheck_interval;
	int64_t presence_grace;
	int64_t presence_meta;
	int64_t presence_members;
	int64_t outbox_max;
	int64_t ephemeral_max;
	int64_t write_max;
	int64_t rate_limit;
	int64_t rate_burst;
	int64_t abuse_limit;
	int64_t ban_after;
	int64_t ban_time;
	int64_t header_max;
	int64_t strangers_max;
	int64_t address_strangers;
	int64_t address_connections;
	int64_t slow_timeout;
	/* a tenant may have its own value of these, see limits.h */
	int64_t user_connections;
	int64_t user_requests;
	int64_t tenant_connections;
	int64_t tenant_requests;
	int64_t tenant_links;
	int64_t user_calls_second;
	int64_t user_calls_minute;
	int64_t user_publishes_second;
	int64_t user_publishes_minute;
	int64_t user_subscribes_second;
	int64_t user_subscribes_minute;
	int64_t user_others_second;
	int64_t user_others_minute;
	int64_t tenant_calls_second;
	int64_t tenant_calls_minute;
	int64_t tenant_publishes_second;
	int64_t tenant_publishes_minute;
	int64_t tenant_subscribes_second;
	int64_t tenant_subscribes_minute;
	int64_t tenant_others_second;
	int64_t tenant_others_minute;
	int64_t drain_timeout;
	/* transports */
	int64_t token_in_query;
	int64_t poll_wait_max;
	int64_t compression;
	char *static_dir;
	int64_t drain_spread;
	int64_t workers;
	int64_t worker_timeout;
	int64_t ready_lag;
} Config;

typedef enum ConfigResult
{
	CONFIG_RUN,   /* start the gateway */
	CONFIG_DONE,  /* --help, --version or --print-config was answered on stdout */
	CONFIG_WRONG, /* the message is in *error */
} ConfigResult;

/*
 * Reads defaults, the file (--config or WRK_GATEWAY_CONFIG), the environment and
 * the flags into *config. Answers that go to the user are appended to *out.
 */
extern ConfigResult config_load(Config *config, int argc, char **argv, Buf *out,
								Buf *error);
extern void config_free(Config *config);

/*
 * Copies the values in which *fresh differs from *before into *config, except those
 * that are read once at the start; changed is told of both.
 */
typedef void (*ConfigChanged)(void *arg, const char *name, bool taken);

extern void config_take(Config *config, const Config *before, const Config *fresh,
						ConfigChanged changed, void *arg);

/* Sets one option by name; false with a message when name or value is wrong. */
extern bool config_set(Config *config, const char *name, const char *value, Buf *error);

/* The table as Markdown rows, for the README and the test that compares them. */
extern void config_print_table(Buf *out);

/* The same for the manual page. */
extern void config_print_man(Buf *out);

#endif
