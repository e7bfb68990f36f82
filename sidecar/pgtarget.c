/*
 * pgtarget.c: see pgtarget.h.
 *
 * Several hosts are looked up one after the other. A name with several addresses
 * becomes several hosts with the same name, which libpq tries in turn as it would
 * have done by itself; one that is not found is left out as long as others are.
 */
#include "pgtarget.h"

#include "address.h"
#include "buf.h"
#include "loop.h"
#include "mem.h"

#include <libpq-fe.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES_MAX 16 /* of all names together */

/* One of these for each attempt to connect; owned by its link. */
struct PgTarget
{
	PgTargetCallback found;
	void *arg;
	LoopTimer *soon; /* for the callback */
	LoopLookup *lookup;
	char *hosts;      /* as configured, separated by commas; NULL = nothing to do */
	char *ports;      /* likewise */
	const char *host; /* the rest of hosts */
	const char *port; /* the rest of ports; the last counts for all that follow */
	char name[256];   /* that is being looked up */
	Buf out_host;
	Buf out_hostaddr;
	Buf out_port;
	int count;
	char error[160];
};

static void next_host(PgTarget *target);

/* What the connection string, or else the environment, says. */
static char *
setting(const PQconninfoOption *options, const char *keyword, const char *variable)
{
	const char *value = getenv(variable);

	for (; options != NULL && options->keyword != NULL; options++)
	{
		if (strcmp(options->keyword, keyword) == 0 && options->val != NULL)
			value = options->val;
	}
	return value != NULL && *value != '\0' ? mem_strdup(value) : NULL;
}

/* Reads what matters; a service file is libpq's to read, and then names as well. */
static void
read_conninfo(PgTarget *target, const char *conninfo)
{
	bool is_name = strchr(conninfo, '=') == NULL && strstr(conninfo, "://") == NULL;
	PQconninfoOption *options = is_name ? NULL : PQconninfoParse(conninfo, NULL);
	char *hostaddr = setting(options, "hostaddr", "PGHOSTADDR");
	char *service = setting(options, "service", "PGSERVICE");

	if (hostaddr == NULL && service == NULL)
	{
		target->hosts = setting(options, "host", "PGHOST");
		target->ports = setting(options, "port", "PGPORT");
	}
	target->host = target->hosts;
	target->port = target->ports;
	free(hostaddr);
	free(service);
	PQconninfoFree(options);
}

/* Appends one host with its address, "" for a socket or what libpq will look up. */
static void
add_address(PgTarget *target, const char *address)
{
	const char *comma = target->count++ > 0 ? "," : "";
	size_t port = target->port ? strcspn(target->port, ",") : 0;

	buf_printf(&target->out_host, "%s%s", comma, target->name);
	buf_printf(&target->out_hostaddr, "%s%s", comma, address);
	buf_printf(&target->out_port, "%s%.*s", comma, (int) port,
			   target->port ? target->port : "");
}

/* Goes on to the next host; the port stays when there is only one. */
static void
advance(PgTarget *target)
{
	size_t port = target->port ? strcspn(target->port, ",") : 0;

	if (target->port != NULL && target->port[port] == ',')
		target->port += port + 1;
	target->host += strcspn(target->host, ",");
	target->host = *target->host == ',' ? target->host + 1 : NULL;
}

/* A name has been looked up. */
static void
on_looked_up(void *arg, const struct addrinfo *list, const char *error)
{
	PgTarget *target = arg;

	target->lookup = NULL;
	for (; list != NULL && target->count < ADDRESSES_MAX; list = list->ai_next)
	{
		char text[NI_MAXHOST];

		if (getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof(text), NULL, 0,
						NI_NUMERICHOST) == 0)
			add_address(target, text);
	}
	if (error != NULL)
		snprintf(target->error, sizeof(target->error), "\"%.80s\": %s", target->name,
				 error);
	advance(target);
	next_host(target);
}

/* Is there something to look up, rather than an address or a socket's path? */
static bool
is_name(const char *host)
{
	Address address;

	return *host != '\0' && *host != '/' && *host != '@' &&
		   !address_parse(host, strlen(host), &address);
}

/* Looks hosts up until one has to be waited for, or all are done. */
static void
next_host(PgTarget *target)
{
	while (target->host != NULL)
	{
		snprintf(target->name, sizeof(target->name), "%.*s",
				 (int) strcspn(target->host, ","), target->host);
		if (is_name(target->name))
		{
			target->lookup = loop_lookup(target->name, on_looked_up, target);
			if (target->lookup != NULL)
				return;
		}
		/* libpq takes an address for its own hostaddr */
		add_address(target, "");
		advance(target);
	}
	loop_timer_start(target->soon, 0, 0);
}

/* All is known: tell it. */
static void
on_soon(void *arg)
{
	PgTarget *target = arg;
	PgAddresses addresses = {NULL, NULL, NULL};

	if (target->hosts != NULL && target->count == 0)
	{
		target->found(target->arg, NULL, target->error);
		return;
	}
	if (target->hosts != NULL)
	{
		addresses.host = buf_cstr(&target->out_host);
		addresses.hostaddr = buf_cstr(&target->out_hostaddr);
		addresses.port = target->ports ? buf_cstr(&target->out_port) : NULL;
	}
	target->found(target->arg, &addresses, NULL);
}

PgTarget *
pg_target_find(const char *conninfo, PgTargetCallback found, void *arg)
{
	PgTarget *target = mem_zalloc(sizeof(PgTarget));

	target->found = found;
	target->arg = arg;
	target->soon = loop_timer_new(on_soon, target);
	read_conninfo(target, conninfo);
	next_host(target);
	return target;
}

void
pg_target_free(PgTarget *target)
{
	if (target == NULL)
		return;
	loop_lookup_forget(target->lookup);
	loop_timer_free(target->soon);
	free(target->hosts);
	free(target->ports);
	buf_free(&target->out_host);
	buf_free(&target->out_hostaddr);
	buf_free(&target->out_port);
	free(target);
}
