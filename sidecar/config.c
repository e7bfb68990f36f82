/*
 * config.c: see config.h.
 *
 * To add an option: a member in Config and a line in options[].
 */
#include "option.h"

#include "mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(member, initial, meaning) \
	{ \
#member, offsetof(Config, member), initial, NULL, 0, 0, meaning \
	}
#define NUMBER(member, initial, unit, min, max, meaning) \
	{ \
#member, offsetof(Config, member), initial, unit, min, max, meaning \
	}

/* a limit that does not exist when it is 0 */
#define LIMIT(member, initial, unit, meaning) \
	NUMBER(member, initial, unit, 0, 10000000, meaning)

const Option config_options[] = {
	TEXT(listen, "127.0.0.1", "IP address to listen on; 0.0.0.0 or :: for all"),
	NUMBER(port, "8787", "port", 0, 65535, "TCP port; 0 takes a free one and logs it"),
	NUMBER(backlog, "4096", "connections", 1, 65535, "queue of the listening socket"),
	NUMBER(reuse_port, "0", "0 or 1", 0, 1,
		   "several gateways share the port (SO_REUSEPORT), one for each core"),
	TEXT(database, "", "libpq connection string; empty means PGHOST, PGDATABASE, ..."),
	TEXT(database_direct, "",
		 "the same around the pooler that database leads to, for the feed"),
	NUMBER(role_check, "1", "0 or 1", 0, 1,
		   "refuse a database role that may more than wrk_gateway"),
	TEXT(name, "", "name told to the database; empty means host name and process id"),
	TEXT(log_level, "info", "error, warn, info or debug"),
	TEXT(log_format, "logfmt", "logfmt (key=value) or json"),
	TEXT(metrics_listen, "",
		 "address:port of /metrics; empty: the same port, for this machine only"),
	TEXT(origins, "*", "origins whose pages are let in: https://app.example.com, ..."),
	TEXT(trusted_proxies, "",
		 "networks whose X-Forwarded-For is believed: 10.0.0.0/8, ..."),
	TEXT(tls_cert, "", "file with certificate and chain (PEM); empty: no TLS"),
	TEXT(tls_key, "", "file with its key (PEM, without a passphrase)"),
	NUMBER(pool_size, "4", "connections", 1, 64, "database connections for requests"),
	NUMBER(pool_queue, "4096", "requests", 1, 1000000,
		   "requests waiting for the database; past it: unavailable"),
	NUMBER(query_timeout, "15000", "ms", 100, 600000, "statement_timeout of requests"),
	NUMBER(reconnect_min, "100", "ms", 1, 60000, "first step of the reconnect backoff"),
	NUMBER(reconnect_max, "10000", "ms", 1, 600000, "cap of the reconnect backoff"),
	NUMBER(fetch_rows, "2000", "events", 1, 100000, "most events of one fetch"),
	NUMBER(fetch_bytes, "16777216", "bytes", 65536, 1073741824,
		   "a fetch asks for fewer events when they are larger than this"),
	NUMBER(fetch_pause_max, "40", "ms", 0, 1000,
		   "longest pause between fetches when writing is the bottleneck"),
	NUMBER(replay_rows, "1000", "events", 1, 100000,
		   "most events replayed to a subscription; more: recovered false"),
	NUMBER(poll_safety, "5000", "ms", 50, 600000, "poll while the doorbell works"),
	NUMBER(poll_fast, "250", "ms", 10, 60000, "poll while the doorbell is not heard"),
	NUMBER(probe_interval, "30000", "ms", 100, 3600000, "time between doorbell probes"),
	NUMBER(probe_timeout, "5000", "ms", 50, 60000, "a probe not heard by then is lost"),
	NUMBER(max_connections, "16000", "connections", 1, 1000000,
		   "open sockets; raises the soft limit of file descriptors as far as allowed"),
	NUMBER(frame_max, "65536", "bytes", 1024, 16777216, "longest message of a client"),
	NUMBER(subscriptions_max, "50", "channels", 1, 10000, "subscriptions a connection"),
	NUMBER(requests_max, "32", "requests", 1, 10000, "requests in flight a connection"),
	NUMBER(auth_timeout, "10000", "ms", 10, 600000, "time to present a token"),
	NUMBER(heartbeat, "25000", "ms", 10, 600000, "silence after which a ping is sent"),
	NUMBER(token_warning, "60000", "ms", 0, 3600000, "token_expiring is sent this early"),
	NUMBER(typing_timeout, "6000", "ms", 100, 60000,
		   "who is typing and says nothing more for so long has stopped"),
	NUMBER(token_grace, "10000", "ms", 0, 600000,
		   "time to send a fresh token after the old one has expired"),
	NUMBER(idle_timeout, "1800000", "ms", 0, 86400000,
		   "a client that does nothing for so long is closed 4408; 0: never"),
	NUMBER(resume_grace, "15000", "ms", 0, 600000,
		   "how long a connection that broke can be taken up again"),
	NUMBER(recheck_interval, "300000", "ms", 0, 86400000,
		   "rights of a connection are asked for again, whatever happened; 0: never"),
	NUMBER(presence_grace, "15000", "ms", 0, 600000,
		   "a lost connection may come back for so long and has not left"),
	NUMBER(presence_meta, "2048", "bytes", 2, 16384, "longest meta of a presence"),
	NUMBER(presence_members, "10000", "users", 1, 1000000,
		   "in one presence channel at this gateway; more are refused"),
	NUMBER(outbox_max, "4194304", "bytes", 4096, 1073741824,
		   "unsent bytes of a connection; past it its stream is broken"),
	NUMBER(ephemeral_max, "65536", "bytes", 0, 1073741824,
		   "unsent bytes past which ephemeral frames are dropped"),
	NUMBER(write_max, "262144", "bytes", 4096, 16777216, "most bytes of one write"),
	NUMBER(rate_limit, "50", "frames/s", 1, 1000000, "frames a client may send"),
	NUMBER(rate_burst, "200", "frames", 1, 1000000, "and at once"),
	NUMBER(abuse_limit, "200", "frames", 1, 1000000,
		   "refused frames (one forgiven a second) after which it is closed 4429"),
	NUMBER(ban_after, "3", "closes", 0, 1000,
		   "such closes of a user within 10 minutes that end in a ban; 0: no bans"),
	NUMBER(ban_time, "60000", "ms", 1000, 86400000, "how long it lasts; close 4529"),
	NUMBER(header_max, "16384", "bytes", 512, 16384, "longest head of a request"),
	LIMIT(strangers_max, "4000", "connections", "without a token yet, of all addresses"),
	LIMIT(address_strangers, "500", "connections", "without a token yet, of an address"),
	LIMIT(address_connections, "2000", "connections", "of an address"),
	NUMBER(slow_timeout, "30000", "ms", 100, 600000,
		   "a slow client that was told of a gap and takes nothing for so long: 4430"),
	LIMIT(user_connections, "50", "connections", "of a user"),
	LIMIT(user_requests, "128", "requests",
		  "of a user at the database or waiting for it"),
	LIMIT(tenant_connections, "4000", "connections", "of a tenant"),
	LIMIT(tenant_requests, "512", "requests", "of a tenant, likewise"),
	LIMIT(tenant_links, "0", "connections",
		  "of the pool that calls of a tenant hold at once; 0: all for calls but one"),
	LIMIT(user_calls_second, "50", "calls", "of a user, in a second"),
	LIMIT(user_calls_minute, "1200", "calls", "of a user, in a minute"),
	LIMIT(user_publishes_second, "100", "frames", "publish, of a user, in a second"),
	LIMIT(user_publishes_minute, "3000", "frames", "publish, of a user, in a minute"),
	LIMIT(user_subscribes_second, "300", "frames", "subscribe, of a user, in a second"),
	LIMIT(user_subscribes_minute, "3000", "frames", "subscribe, of a user, in a minute"),
	LIMIT(user_others_second, "200", "frames", "any other, of a user, in a second"),
	LIMIT(user_others_minute, "6000", "frames", "any other, of a user, in a minute"),
	LIMIT(tenant_calls_second, "500", "calls", "of a tenant, in a second"),
	LIMIT(tenant_calls_minute, "15000", "calls", "of a tenant, in a minute"),
	LIMIT(tenant_publishes_second, "5000", "frames", "publish, of a tenant, in a second"),
	LIMIT(tenant_publishes_minute, "150000", "frames",
		  "publish, of a tenant, in a minute"),
	LIMIT(tenant_subscribes_second, "3000", "frames",
		  "subscribe, of a tenant, in a second"),
	LIMIT(tenant_subscribes_minute, "60000", "frames",
		  "subscribe, of a tenant, in a minute"),
	LIMIT(tenant_others_second, "10000", "frames", "any other, of a tenant, in a second"),
	LIMIT(tenant_others_minute, "300000", "frames",
		  "any other, of a tenant, in a minute"),
	NUMBER(drain_timeout, "5000", "ms", 0, 600000, "time SIGTERM leaves to say good-bye"),
	NUMBER(token_in_query, "0", "0 or 1", 0, 1,
		   "/sse takes ?token= as well; proxies log such addresses"),
	NUMBER(poll_wait_max, "30000", "ms", 0, 600000, "longest wait of a poll"),
	NUMBER(compression, "0", "0 or 1", 0, 1,
		   "permessage-deflate for WebSockets that offer it"),
	TEXT(static_dir, "", "folder whose files are served; empty: none"),
	NUMBER(drain_spread, "10000", "ms", 0, 600000,
		   "clients are told to come back at a random time within this"),
	NUMBER(workers, "1", "processes", 1, 64, "processes that share the port"),
	NUMBER(worker_timeout, "30000", "ms", 500, 600000,
		   "a worker that gives no sign of life for so long is ended"),
	NUMBER(ready_lag, "10000", "ms", 100, 600000,
		   "feed or requests waiting for longer: not ready"),
};

const size_t config_noptions = sizeof(config_options) / sizeof(config_options[0]);

/* Read once at the start; all others are looked at whenever they matter. */
static const char *const fixed[] = {
	"listen",          "port",       "backlog",
	"reuse_port",      "name",       "metrics_listen",
	"pool_size",       "pool_queue", "query_timeout",
	"fetch_pause_max", "write_max",  "max_connections",
	"workers",         NULL,
};

/* NULL when there is no option of that name. */
static const Option *
find_option(const char *name)
{
	for (size_t i = 0; i < config_noptions; i++)
	{
		if (strcmp(config_options[i].name, name) == 0)
			return &config_options[i];
	}
	return NULL;
}

void *
config_member(const Config *config, const Option *option)
{
	return (char *) (uintptr_t) config + option->offset;
}

/* Reads a whole number within the option's bounds. */
static bool
parse_number(const Option *option, const char *value, int64_t *number, Buf *error)
{
	char *end;
	long long parsed;

	errno = 0;
	parsed = strtoll(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0')
	{
		buf_printf(error, "%s: \"%s\" is not a whole number", option->name, value);
		return false;
	}
	if (parsed < option->min || parsed > option->max)
	{
		buf_printf(error, "%s: %lld is not between %" PRId64 " and %" PRId64 " (%s)",
				   option->name, parsed, option->min, option->max, option->unit);
		return false;
	}
	*number = parsed;
	return true;
}

bool
config_set(Config *config, const char *name, const char *value, Buf *error)
{
	const Option *option = find_option(name);
	char **text;

	if (option == NULL)
	{
		buf_printf(error, "there is no option \"%s\"", name);
		return false;
	}
	if (option->unit != NULL)
		return parse_number(option, value, config_member(config, option), error);
	text = config_member(config, option);
	free(*text);
	*text = mem_strdup(value);
	return true;
}

/* Does it take a restart? */
static bool
is_fixed(const Option *option)
{
	for (const char *const *name = fixed; *name; name++)
	{
		if (strcmp(*name, option->name) == 0)
			return true;
	}
	return false;
}

/* Do the values of an option differ? */
static bool
differ(const Option *option, const Config *before, const Config *fresh)
{
	const void *old = config_member(before, option);
	const void *new = config_member(fresh, option);

	if (option->unit != NULL)
		return *(const int64_t *) old != *(const int64_t *) new;
	return strcmp(*(char *const *) old, *(char *const *) new) != 0;
}

/* Copies the value of an option. */
static void
copy(const Option *option, Config *to, const Config *from)
{
	void *old = config_member(to, option);
	const void *new = config_member(from, option);

	if (option->unit != NULL)
		*(int64_t *) old = *(const int64_t *) new;
	else
	{
		free(*(char **) old);
		*(char **) old = mem_strdup(*(char *const *) new);
	}
}

void
config_take(Config *config, const Config *before, const Config *fresh,
			ConfigChanged changed, void *arg)
{
	for (size_t i = 0; i < config_noptions; i++)
	{
		const Option *option = &config_options[i];
		bool taken = !is_fixed(option);

		if (!differ(option, before, fresh))
			continue;
		if (taken)
			copy(option, config, fresh);
		changed(arg, option->name, taken);
	}
}

void
config_free(Config *config)
{
	for (size_t i = 0; i < config_noptions; i++)
	{
		if (config_options[i].unit == NULL)
			free(*(char **) config_member(config, &config_options[i]));
	}
	memset(config, 0, sizeof(*config));
}
