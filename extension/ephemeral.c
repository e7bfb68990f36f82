/*
 * ephemeral.c
 *	  wrk.broadcast(): an ephemeral event from SQL to whoever is in a channel.
 *
 * It is a notification on the gateways' bus (gateway_bus.sql), in the form in
 * which they tell each other: "- e:LENGTH:" and then
 * ["channel", "user", "type"], a line feed and the data.  Nothing is stored, and
 * the server sends it with the commit or not at all.
 *
 * Must stay true: the channel is one that the identity may publish in, or the
 * caller may speak for all; gateways believe what comes from here.
 */
#include "channel.h"

#include "commands/async.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "event_check.h"

#define TYPE_MAX_LEN 32
#define DATA_MAX_LEN 6144
#define PAYLOAD_MAX_LEN 7999 /* what a notification takes */

PG_FUNCTION_INFO_V1(wrk_broadcast);

/* a client could not tell these from what the server itself says */
static bool
is_frame_of_protocol(const char *type)
{
	static const char *const reserved[] = {
		"connected", "subscribed", "unsubscribed", "position",       "result",
		"error",     "gap",        "flow",         "token_expiring", "status",
		"ping",      "pong",       "bye"};

	for (int i = 0; i < lengthof(reserved); i++)
		if (strcmp(type, reserved[i]) == 0)
			return true;
	return false;
}

static void
check_type(const char *type)
{
	size_t len = strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789_");

	if (type[0] < 'a' || type[0] > 'z' || type[len] != '\0' || len > TYPE_MAX_LEN ||
		is_frame_of_protocol(type))
		ereport(
			ERROR,
			(errcode(ERRCODE_WRK_BAD_REQUEST),
			 errmsg("\"%s\" is no type of an ephemeral event", type),
			 errhint("Use a lower-case letter, then up to 31 of a-z, 0-9 and _, and no "
					 "frame of the protocol.")));
}

/* whether name is the canonical one of a channel of this tenant */
static bool
is_of_tenant(const char *name, const char *tenant_id)
{
	char *prefix = psprintf("tenant:%s:", tenant_id);

	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* canonical name of a channel that the caller may send to */
static char *
require_channel(const Identity *id, const char *name)
{
	/* with an identity, not even a service says something to another tenant */
	if (event_may_speak_for_all() && (id == NULL || is_of_tenant(name, id->tenant_id)))
		return channel_canonical(name);
	if (id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_UNAUTHORIZED), errmsg("nobody is authenticated"),
				 errhint("Call wrk.authenticate() in this transaction first.")));
	return channel_require(id, name, "publish");
}

/* the bus's name, a secret; NULL when no gateway has ever listened */
static char *
bus_channel(void)
{
	MemoryContext caller = CurrentMemoryContext;
	WrkRoleSwitch saved = wrk_become(wrk_owner());
	char *name = NULL;

	SPI_connect();
	if (SPI_execute("SELECT channel FROM wrk.gateway_bus", false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look up the gateways' bus");
	if (SPI_processed == 1)
		name = MemoryContextStrdup(
			caller, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	wrk_unbecome(saved);
	return name;
}

/* bytes of a text once it is in UTF-8, which is what gateways count */
static int
utf8_length(const char *text)
{
	return strlen(pg_server_to_any(text, strlen(text), PG_UTF8));
}

/* the notification's payload; palloc'd */
static char *
compose(const char *channel, const char *user, const char *type, const char *data)
{
	StringInfoData word;
	char *payload;

	initStringInfo(&word);
	appendStringInfoChar(&word, '[');
	escape_json(&word, channel);
	appendStringInfoChar(&word, ',');
	escape_json(&word, user);
	appendStringInfoChar(&word, ',');
	escape_json(&word, type);
	appendStringInfo(&word, "]\n%s", data);
	payload = psprintf("- e:%d:%s", utf8_length(word.data), word.data);
	if (utf8_length(data) > DATA_MAX_LEN || utf8_length(payload) > PAYLOAD_MAX_LEN ||
		strlen(payload) > PAYLOAD_MAX_LEN)
		ereport(ERROR, (errcode(ERRCODE_WRK_TOO_LARGE),
						errmsg("payload of an ephemeral event is longer than %d bytes",
							   DATA_MAX_LEN)));
	return payload;
}

Datum
wrk_broadcast(PG_FUNCTION_ARGS)
{
	const Identity *id = identity_current();
	char *channel;
	char *type;
	char *payload;
	char *bus;
	Jsonb *data;

	wrk_require_arg(fcinfo, 0, "channel");
	wrk_require_arg(fcinfo, 1, "type");
	wrk_require_arg(fcinfo, 2, "payload");
	type = wrk_text_arg(fcinfo, 1);
	check_type(type);
	channel = require_channel(id, wrk_text_arg(fcinfo, 0));
	data = PG_GETARG_JSONB_P(2);
	id = identity_current(); /* asking for rights may have replaced what it points to */
	payload = compose(channel, id && id->user_id ? id->user_id : "", type,
					  JsonbToCString(NULL, &data->root, VARSIZE(data)));
	bus = bus_channel();
	if (bus != NULL)
		Async_Notify(bus, payload);
	PG_RETURN_VOID();
}
