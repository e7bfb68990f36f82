/*
 * channel.c
 *	  From the name a client uses to the channel the database means, and
 *	  whether this identity may join it.
 *
 * A client names a resource ("project:42", "me", or the canonical name it was
 * given before); the tenant in the canonical name always comes from the
 * identity.  Names the engine knows are answered here; all others are matched
 * against wrk.channel_rule, whose authorizers run as wrk_member, under row
 * security, with the identity in force.
 *
 * A resource "project:42" has a channel of its own for who is there,
 * "presence:project/42": its name with the first colon as a slash.  Whoever may
 * read the resource may join that, too; "presence:tenant" is who is there at all.
 *
 * Must stay true: a resource of another tenant, one that does not exist and
 * one that may not be seen give the same answer.
 */
#include "channel.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "rbac.h"
#include "wrk_json.h"

#define CHANNEL_MAX_LEN 512

/* what a name came to; strings palloc'd */
typedef struct Channel
{
	char *canonical;
	char *as;       /* short form, without the tenant */
	char *presence; /* canonical name of the channel for who is there, or NULL */
	List *rights;   /* of char *; empty = may not join */
} Channel;

PG_FUNCTION_INFO_V1(wrk_channel_resolve);

static void
refuse_channel(const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_NOT_FOUND), errmsg("no channel \"%s\"", name),
					errhint("It does not exist, or you may not join it.")));
}

static void
check_name(const char *name)
{
	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_WRK_BAD_REQUEST), errmsg("channel name is empty")));
	if (strlen(name) > CHANNEL_MAX_LEN)
		ereport(ERROR, (errcode(ERRCODE_WRK_TOO_LARGE),
						errmsg("channel name is longer than %d bytes", CHANNEL_MAX_LEN)));
	for (const unsigned char *p = (const unsigned char *) name; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
							errmsg("channel name contains a control character")));
}

/* name without its canonical prefix "tenant:{own tenant}:"; "" for the tenant itself */
static const char *
strip_tenant(const Identity *id, const char *name)
{
	size_t len = strlen(id->tenant_id);

	if (strncmp(name, "tenant:", 7) != 0)
		return name;
	if (strncmp(name + 7, id->tenant_id, len) != 0)
		refuse_channel(name);
	if (name[7 + len] == '\0')
		return "";
	if (name[7 + len] != ':' || name[8 + len] == '\0')
		refuse_channel(name);
	return name + 8 + len;
}

/* rest after prefix, or NULL if name does not begin with it or nothing follows */
static const char *
after(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) == 0 && name[len] != '\0' ? name + len : NULL;
}

/* "entity:{type}" and "entity:{type}:{id}": the right to read says it all */
static List *
entity_rights(const Identity *id, const char *rest)
{
	const char *colon = strchr(rest, ':');
	char *type = colon ? pnstrdup(rest, colon - rest) : pstrdup(rest);

	if (!rbac_can(id, "read", type, colon ? colon + 1 : NULL))
		return NIL;
	return list_make1("read");
}

/* OID of the authorizer for names "prefix:{id}", InvalidOid if no rule fits */
static Oid
find_authorizer(const char *prefix)
{
	static SPIPlanPtr plan = NULL;
	Oid argtypes[] = {TEXTOID};
	Datum args[] = {PointerGetDatum(cstring_to_text(psprintf("%s:{id}", prefix)))};
	WrkRoleSwitch saved = wrk_become(wrk_owner());
	Oid result = InvalidOid;
	bool isnull;

	SPI_connect();
	if (plan == NULL)
	{
		plan = SPI_prepare(
			"SELECT pg_catalog.to_regprocedure(authorizer)::pg_catalog.oid FROM wrk.channel_rule"
			" WHERE pattern OPERATOR(pg_catalog.=) $1",
			1, argtypes);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare the look-up of channel rules");
	}
	if (SPI_execute_plan(plan, args, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look up channel rules");
	if (SPI_processed == 1)
		result = DatumGetObjectId(
			SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	wrk_unbecome(saved);
	return result;
}

/* asks the rule's function, as wrk_member, what this identity may do in the channel */
static List *
rule_rights(const char *rest)
{
	const char *colon = strrchr(rest, ':');
	Oid authorizer;
	WrkRoleSwitch saved;
	Datum result;
	bool isnull;

	if (colon == NULL || colon == rest || colon[1] == '\0')
		return NIL;
	authorizer = find_authorizer(pnstrdup(rest, colon - rest));
	if (!OidIsValid(authorizer))
		return NIL;
	if (!wrk_has_shape(authorizer, TEXTOID, TEXTARRAYOID))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("the rule for channel \"%s\" has no usable authorizer", rest),
				 errhint("An authorizer takes one text and returns text[].")));
	saved = wrk_become(get_role_oid(WRK_ROLE_MEMBER, false));
	result = wrk_call1(authorizer, CStringGetTextDatum(colon + 1), &isnull);
	wrk_unbecome(saved);
	return isnull ? NIL : wrk_text_list(DatumGetArrayTypeP(result), "right");
}

/* rights in the channel of a resource, which is all but the tenant's, a user's own and
 * such */
static List *
resource_rights(const Identity *id, const char *rest)
{
	const char *tail = after(rest, "entity:");

	return tail != NULL ? entity_rights(id, tail) : rule_rights(rest);
}

/* name of a resource with its first colon as a slash or, the other way, its first slash
 * as a colon; NULL when there is none */
static char *
exchange(const char *name, char from, char to)
{
	char *result = pstrdup(name);
	char *at = strchr(result, from);

	if (at == NULL)
		return NULL;
	*at = to;
	return result;
}

/* "presence:{type}/{id}", whoever may read "{type}:{id}"; no presence of a presence */
static List *
presence_rights(const Identity *id, const char *rest)
{
	const char *resource = exchange(rest, '/', ':');

	if (strcmp(rest, "tenant") == 0)
		return list_make1("read");
	/* a colon before the slash: another spelling of a name would be another channel */
	if (resource == NULL || strcspn(rest, ":") < strcspn(rest, "/") ||
		resource_rights(id, resource) == NIL)
		return NIL;
	return list_make1("read");
}

/* canonical name of the presence channel of a resource */
static char *
presence_of(const Identity *id, const char *rest)
{
	return psprintf("tenant:%s:presence:%s", id->tenant_id,
					rest[0] ? exchange(rest, ':', '/') : "tenant");
}

static Channel
resolve(const Identity *id, const char *name)
{
	const char *rest = strip_tenant(id, name);
	const char *tail;
	Channel channel = {0};

	channel.as = rest[0] ? pstrdup(rest) : psprintf("tenant:%s", id->tenant_id);
	channel.canonical =
		psprintf(rest[0] ? "tenant:%s:%s" : "tenant:%s", id->tenant_id, rest);
	if (rest[0] == '\0')
	{
		channel.rights = list_make1("read");
		channel.presence = presence_of(id, rest);
	}
	else if (strcmp(name, "global") == 0)
	{
		channel.canonical = pstrdup("global");
		channel.rights = list_make1("read");
	}
	else if (strcmp(rest, "me") == 0 && id->user_id != NULL)
	{
		channel.canonical = psprintf("tenant:%s:user:%s", id->tenant_id, id->user_id);
		channel.rights = list_make1("read");
	}
	else if ((tail = after(rest, "user:")) != NULL)
	{
		if (id->user_id != NULL && strcmp(tail, id->user_id) == 0)
			channel.rights = list_make1("read");
	}
	else if (strcmp(rest, "audit") == 0)
	{
		/* what wrk.audit_log lets them read, they may be told of */
		if (rbac_can(id, "read", "audit_log", NULL))
			channel.rights = list_make1("read");
	}
	else if ((tail = after(rest, "presence:")) != NULL)
	{
		channel.rights = presence_rights(id, tail);
		channel.presence = channel.canonical;
	}
	else if ((channel.rights = resource_rights(id, rest)) != NIL)
		channel.presence = presence_of(id, rest);
	return channel;
}

char *
channel_require(const Identity *id, const char *name, const char *right)
{
	Channel channel;
	ListCell *cell;

	check_name(name);
	channel = resolve(id, name);
	if (channel.rights == NIL)
		refuse_channel(name);
	foreach (cell, channel.rights)
		if (strcmp(lfirst(cell), right) == 0)
			return channel.canonical;
	ereport(ERROR, (errcode(ERRCODE_WRK_FORBIDDEN),
					errmsg("channel \"%s\" is not yours to %s in", name, right)));
	pg_unreachable();
}

char *
channel_canonical(const char *name)
{
	const char *tenant = after(name, "tenant:");

	check_name(name);
	if (strcmp(name, "global") != 0 && (tenant == NULL || tenant[0] == ':'))
		refuse_channel(name);
	return pstrdup(name);
}

Datum
wrk_channel_resolve(PG_FUNCTION_ARGS)
{
	const Identity *id = identity_current();
	JsonbParseState *state = NULL;
	Channel channel;
	ListCell *cell;
	char *name;

	if (id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_UNAUTHORIZED), errmsg("nobody is authenticated")));
	wrk_require_arg(fcinfo, 0, "channel");
	name = wrk_text_arg(fcinfo, 0);
	check_name(name);
	channel = resolve(id, name);
	if (channel.rights == NIL)
		refuse_channel(name);

	wrk_json_begin_object(&state);
	wrk_json_pair_text(&state, "channel", channel.canonical);
	wrk_json_pair_text(&state, "as", channel.as);
	if (channel.presence != NULL)
		wrk_json_pair_text(&state, "presence", channel.presence);
	wrk_json_key(&state, "can");
	wrk_json_begin_array(&state);
	foreach (cell, channel.rights)
		wrk_json_elem_text(&state, lfirst(cell));
	wrk_json_end_array(&state);
	PG_RETURN_JSONB_P(wrk_json_finish_object(&state));
}
