/*
 * identity_sql.c
 *	  The identity in SQL: presenting a credential, vouching for somebody, and
 *	  the readers that policies call for every query.
 *
 * Readers take no memory but for their result and touch no table.  What may
 * set an identity is decided here; how it is kept is identity.c's business.
 */
#include "identity.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "api_key.h"
#include "audit.h"
#include "jwt.h"
#include "session.h"
#include "wrk_json.h"

#define MAX_RESOURCE_ID 512 /* bytes; the user is in the log in any case */

PG_FUNCTION_INFO_V1(wrk_authenticate);
PG_FUNCTION_INFO_V1(wrk_impersonate);
PG_FUNCTION_INFO_V1(wrk_tenant_id);
PG_FUNCTION_INFO_V1(wrk_user_id);
PG_FUNCTION_INFO_V1(wrk_session_id);
PG_FUNCTION_INFO_V1(wrk_roles);
PG_FUNCTION_INFO_V1(wrk_has_role);
PG_FUNCTION_INFO_V1(wrk_identity);


/* ---------- SQL: setting it ---------- */

/* the identity as wrk.identity() shows it */
static Jsonb *
identity_to_jsonb(const Identity *id)
{
	JsonbParseState *state = NULL;

	wrk_json_begin_object(&state);
	wrk_json_pair_text(&state, "tenant_id", id->tenant_id);
	wrk_json_pair_text(&state, "user_id", id->user_id);
	wrk_json_pair_text(&state, "session_id", id->session_id);
	wrk_json_key(&state, "roles");
	wrk_json_begin_array(&state);
	for (int i = 0; i < id->nroles; i++)
		wrk_json_elem_text(&state, id->roles[i]);
	wrk_json_end_array(&state);
	wrk_json_pair_text(&state, "via", id->via);
	wrk_json_pair_text(&state, "actor", id->actor);
	if (id->expires_at != 0)
		wrk_json_pair_int64(&state, "expires_at", id->expires_at);
	else
		wrk_json_pair_null(&state, "expires_at");
	if (id->scopes != NULL)
		wrk_json_pair_text(&state, "scopes", id->scopes);
	return wrk_json_finish_object(&state);
}

Datum
wrk_authenticate(PG_FUNCTION_ARGS)
{
	text *token;

	wrk_require_arg(fcinfo, 0, "token");
	token = PG_GETARG_TEXT_PP(0);
	identity_authenticate(VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token));
	PG_RETURN_JSONB_P(identity_to_jsonb(identity_presented()));
}

void
identity_authenticate(const char *token, size_t len)
{
	Identity id = {0};

	if (api_key_looks_like(token, len))
		api_key_authenticate(token, len, &id);
	else
	{
		JwtPrincipal who = {0};

		jwt_authenticate(token, len, &who);
		id.tenant_id = who.tenant_id;
		id.user_id = who.user_id;
		id.session_id = who.session_id;
		id.via = "jwt";
		id.actor = who.kid;
		id.expires_at = who.expires_at;
		id.nroles = who.nroles;
		id.roles = (const char **) who.roles;
	}
	suspension_check(id.tenant_id, id.user_id);
	if (id.session_id != NULL)
		session_check(id.tenant_id, id.session_id);
	identity_set(&id);
}

/*
 * Nobody proved anything, so that it was done is a fact of its own; where nothing can be
 * written the server's log alone has it.  Nobody is told: most who impersonate only read.
 */
static void
record_impersonation(void)
{
	const Identity *id = identity_current();
	AuditEntry entry = {.op = AUDIT_FACT};

	if (XactReadOnly)
		return;
	entry.action = "identity.impersonated";
	entry.resource_type = "identity";
	if (id->user_id != NULL && strlen(id->user_id) <= MAX_RESOURCE_ID)
		entry.resource_id = id->user_id;
	entry.tenant_id = id->tenant_id;
	(void) audit_write(&entry);
}

Datum
wrk_impersonate(PG_FUNCTION_ARGS)
{
	Identity id = {.via = "impersonate"};
	Oid service = get_role_oid(WRK_ROLE_SERVICE, false);

	/* EXECUTE is granted to wrk_service alone; a careless GRANT must not open this */
	if (!is_member_of_role(GetUserId(), service))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("only members of role \"%s\" may impersonate",
							   WRK_ROLE_SERVICE)));
	wrk_require_arg(fcinfo, 0, "tenant_id");
	id.tenant_id = wrk_text_arg(fcinfo, 0);
	id.user_id = wrk_text_arg(fcinfo, 1);
	id.actor = GetUserNameFromId(GetSessionUserId(), false);
	if (!PG_ARGISNULL(2))
		id.roles =
			(const char **) wrk_text_array(PG_GETARG_ARRAYTYPE_P(2), "role", &id.nroles);
	identity_set(&id);
	ereport(LOG, (errmsg("role \"%s\" impersonates user \"%s\" of tenant \"%s\"",
						 id.actor, id.user_id ? id.user_id : "", id.tenant_id),
				  errhidestmt(true)));
	record_impersonation();
	PG_RETURN_JSONB_P(identity_to_jsonb(identity_current()));
}


/* ---------- SQL: reading it ---------- */

static Datum
return_text_or_null(FunctionCallInfo fcinfo, const char *value)
{
	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(value));
}

Datum
wrk_tenant_id(PG_FUNCTION_ARGS)
{
	const Identity *id = identity_current();

	return return_text_or_null(fcinfo, id ? id->tenant_id : NULL);
}

Datum
wrk_user_id(PG_FUNCTION_ARGS)
{
	const Identity *id = identity_current();

	return return_text_or_null(fcinfo, id ? id->user_id : NULL);
}

Datum
wrk_session_id(PG_FUNCTION_ARGS)
{
	const Identity *id = identity_current();

	return return_text_or_null(fcinfo, id ? id->session_id : NULL);
}

Datum
wrk_roles(PG_FUNCTION_ARGS)
{
	const Identity *id = identity_current();
	Datum *elems;

	if (id == NULL)
		PG_RETURN_NULL();
	elems = palloc(sizeof(Datum) * Max(id->nroles, 1));
	for (int i = 0; i < id->nroles; i++)
		elems[i] = CStringGetTextDatum(id->roles[i]);
	PG_RETURN_ARRAYTYPE_P(
		construct_array(elems, id->nroles, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
wrk_has_role(PG_FUNCTION_ARGS)
{
	const Identity *id = identity_current();
	text *role = PG_GETARG_TEXT_PP(0);
	size_t len = VARSIZE_ANY_EXHDR(role);

	for (int i = 0; id != NULL && i < id->nroles; i++)
		if (strlen(id->roles[i]) == len &&
			memcmp(id->roles[i], VARDATA_ANY(role), len) == 0)
			PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(false);
}

Datum
wrk_identity(PG_FUNCTION_ARGS)
{
	const Identity *id = identity_current();

	if (id == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(identity_to_jsonb(id));
}
