/*
 * event_check.c
 *	  What an event may be; see event_check.h.
 *
 * The name of a channel decides who hears an event, so a name must say one
 * thing only: the tenant is its own segment, no segment is empty, and nothing
 * invisible is in it.
 */
#include "event_check.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "event.h"

#define TYPE_MAX_LEN 128
#define CHANNEL_MAX_LEN 512
#define TENANT_PREFIX "tenant:"
#define GLOBAL_CHANNEL "global"


/* "value" is no what */
static void
refuse(const char *what, const char *value, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
					errmsg("\"%s\" is no %s", value, what), errhint("%s", hint)));
}

static bool
has_control_character(const char *value)
{
	for (const unsigned char *p = (const unsigned char *) value; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return true;
	return false;
}

/* a gateway says these itself: no event may pass for an answer or a good-bye */
static bool
is_frame_type(const char *type)
{
	static const char *const frames[] = {
		"connected", "subscribed", "unsubscribed", "position",       "result",
		"error",     "gap",        "flow",         "token_expiring", "status",
		"ping",      "pong",       "bye"};

	for (int i = 0; i < lengthof(frames); i++)
		if (strcmp(type, frames[i]) == 0)
			return true;
	return strncmp(type, "presence:", strlen("presence:")) == 0;
}

/* types are what clients subscribe to and switch on, so they have one spelling */
void
event_check_type(const char *type)
{
	size_t len = strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789_.:-");

	if (type[0] < 'a' || type[0] > 'z' || type[len] != '\0' || len > TYPE_MAX_LEN)
		refuse(
			"event type", type,
			"Use a lower-case letter, then up to 127 of a-z, 0-9 and _.:- such as task.created.");
	if (is_frame_type(type))
		refuse("event type", type, "Frames of the gateway have this name; use another.");
}

void
event_check_tenant(const char *tenant_id)
{
	if (tenant_id[0] == '\0' || strchr(tenant_id, ':') != NULL ||
		has_control_character(tenant_id))
		refuse(
			"tenant that can have channels", tenant_id,
			"The tenant is one segment of a channel's name and must not contain colons.");
}

bool
event_may_speak_for_all(void)
{
	Oid role = GetUserId();

	return role == wrk_owner() ||
		   is_member_of_role(role, get_role_oid(WRK_ROLE_SERVICE, false));
}

/* whether name is "tenant:{tenant}" or "tenant:{tenant}:{segment}..." */
static bool
is_below_tenant(const char *name, const char *tenant_id)
{
	size_t prefix = strlen(TENANT_PREFIX);
	size_t len = strlen(tenant_id);
	const char *rest = name + prefix + len;

	if (strncmp(name, TENANT_PREFIX, prefix) != 0 ||
		strncmp(name + prefix, tenant_id, len) != 0)
		return false;
	return *rest == '\0' || (rest[0] == ':' && rest[1] >= 'a' && rest[1] <= 'z');
}

void
event_check_channel(const char *name, const char *tenant_id)
{
	if (has_control_character(name) || strlen(name) > CHANNEL_MAX_LEN ||
		strstr(name, "::") != NULL || (name[0] != '\0' && name[strlen(name) - 1] == ':'))
		refuse("channel", name, "Use up to 512 bytes without empty segments.");
	if (strcmp(name, GLOBAL_CHANNEL) == 0)
	{
		if (!event_may_speak_for_all())
			ereport(ERROR, (errcode(ERRCODE_WRK_FORBIDDEN),
							errmsg("role \"%s\" may not emit on channel \"%s\"",
								   GetUserNameFromId(GetUserId(), false), name)));
		return;
	}
	/* nothing of a tenant may be in an event that nobody checks the tenant of */
	if (tenant_id == NULL)
		refuse("channel of all tenants", name,
			   "Say whose event it is: wrk.authenticate() first, or pass tenant_id; "
			   "without a tenant it goes to channel \"global\" only.");
	if (!is_below_tenant(name, tenant_id))
		refuse("channel of this tenant", name,
			   psprintf("Use canonical names: \"tenant:%s\" and what is below it.",
						tenant_id));
}

/* one entry; whether such a role or user exists is nobody's business here */
static void
check_audience(const char *entry)
{
	if ((strncmp(entry, "role:", 5) != 0 && strncmp(entry, "user:", 5) != 0) ||
		entry[5] == '\0' || has_control_character(entry))
		refuse("audience", entry, "Use role:NAME or user:ID.");
}

bool
event_list_has(List *strings, const char *value)
{
	ListCell *cell;

	foreach (cell, strings)
		if (strcmp(lfirst(cell), value) == 0)
			return true;
	return false;
}

ArrayType *
event_text_array(List *strings)
{
	Datum *elems = palloc(sizeof(Datum) * Max(list_length(strings), 1));
	List *seen = NIL;
	ListCell *cell;

	foreach (cell, strings)
	{
		if (event_list_has(seen, lfirst(cell)))
			continue;
		elems[list_length(seen)] = CStringGetTextDatum(lfirst(cell));
		seen = lappend(seen, lfirst(cell));
	}
	if (seen == NIL)
		return construct_empty_array(TEXTOID);
	return construct_array(elems, list_length(seen), TEXTOID, -1, false, TYPALIGN_INT);
}

ArrayType *
event_checked_channels(ArrayType *channels, const char *tenant_id)
{
	List *names = wrk_text_list(channels, "channel");
	ListCell *cell;

	if (list_length(names) < 1 || list_length(names) > EVENT_MAX_CHANNELS)
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("an event goes to 1 to %d channels, not %d",
							   EVENT_MAX_CHANNELS, list_length(names))));
	foreach (cell, names)
		event_check_channel(lfirst(cell), tenant_id);
	return event_text_array(names);
}

ArrayType *
event_checked_audience(ArrayType *audience)
{
	List *entries = audience ? wrk_text_list(audience, "audience") : NIL;
	ListCell *cell;

	if (list_length(entries) > EVENT_MAX_AUDIENCE)
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("an audience has up to %d entries, not %d",
							   EVENT_MAX_AUDIENCE, list_length(entries))));
	foreach (cell, entries)
		check_audience(lfirst(cell));
	return event_text_array(entries);
}
