/*
 * protection.c
 *	  What protects a table is switched off: a fact of the audit log.
 *
 * Whoever owns a table may take back what wrk.enable_...() made of it, be it a role
 * that may not write to the log otherwise.  So this one fact may be stated by
 * everybody, about tables of one's own, in our words.
 */
#include "audit.h"

#include "catalog/pg_class.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "wrk_json.h"

PG_FUNCTION_INFO_V1(wrk_protection_disabled);


static const char *
checked_protection(char *name)
{
	static const char *const known[] = {"tenancy", "audit", "status", "events", "access"};

	for (int i = 0; i < lengthof(known); i++)
		if (strcmp(known[i], name) == 0)
			return known[i];
	ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
					errmsg("\"%s\" is no protection of a table", name),
					errhint("Use tenancy, audit, status, events or access.")));
}

/* schema and name of a table the caller owns */
static const char *
own_table(Oid table)
{
	char *name = get_rel_name(table);

	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("there is no table with OID %u", table)));
	if (!wrk_owns_table(table, GetUserId()))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("must be owner of table \"%s\"", name)));
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), name);
}

Datum
wrk_protection_disabled(PG_FUNCTION_ARGS)
{
	AuditEntry entry = {.op = AUDIT_FACT};
	JsonbParseState *state = NULL;
	Oid table = PG_GETARG_OID(0);

	entry.action = "protection.disabled";
	entry.resource_type = "table";
	entry.resource_id = own_table(table);
	/* everybody may make these, as many as they like, and nobody else sees them */
	if (get_rel_persistence(table) == RELPERSISTENCE_TEMP)
		PG_RETURN_NULL();
	wrk_json_begin_object(&state);
	wrk_json_pair_text(&state, "protection",
					   checked_protection(text_to_cstring(PG_GETARG_TEXT_PP(1))));
	entry.metadata = wrk_json_finish_object(&state);
	PG_RETURN_INT64(audit_write(&entry));
}
