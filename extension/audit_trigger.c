/*
 * audit_trigger.c
 *	  wrk.audit_trigger(): turns changes of rows into rows of the audit log.
 *
 * Must stay true: nothing here looks up a name through search_path, so a schema
 * of the writer's own cannot put its functions or operators in the place of ours.
 */
#include "audit.h"

#include "commands/trigger.h"
#include "mb/pg_wchar.h"
#include "utils/lsyscache.h"

#include "audit_changes.h"
#include "audit_config.h"
#include "event_check.h"

/* bytes of a value that names an action */
#define ACTION_MAX_VALUE 100
#define MAX_ID_LEN 512

PG_FUNCTION_INFO_V1(wrk_audit_trigger);


/* "task.status.done" for a change of the action column, else "task.updated" */
static const char *
action_name(AuditConfig *config, Relation rel, TupleTableSlot *before,
			TupleTableSlot *after)
{
	char *value;

	if (before == NULL)
		return psprintf("%s.created", config->resource);
	if (after == NULL)
		return psprintf("%s.deleted", config->resource);
	if (config->action == 0 || !wrk_column_changed(rel, before, after, config->action))
		return psprintf("%s.updated", config->resource);
	value = audit_column_text(config, rel, after, config->action);
	if (value != NULL)
		value[pg_mbcliplen(value, strlen(value), ACTION_MAX_VALUE)] = '\0';
	return psprintf(
		"%s.%s.%s", config->resource,
		NameStr(TupleDescAttr(RelationGetDescr(rel), config->action - 1)->attname),
		value ? value : "null");
}

/* a row that cannot be found again would have no history */
static void
check_id(const AuditConfig *config, Relation rel, const char *id)
{
	if (id == NULL || strlen(id) > MAX_ID_LEN)
		ereport(
			ERROR,
			(errcode(id ? ERRCODE_WRK_BAD_REQUEST : ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("row of table \"%s\" has %s and cannot be audited",
					RelationGetRelationName(rel),
					id ? psprintf("an id of more than %d bytes", MAX_ID_LEN) : "no id")));
}

static void
write_change(AuditConfig *config, Relation rel, TupleTableSlot *before,
			 TupleTableSlot *after)
{
	TupleTableSlot *row = after ? after : before;
	AuditEntry entry = {.announce = config->announce};

	entry.changes = audit_changes(config, rel, before, after);
	if (entry.changes == NULL)
		return;
	entry.op = before == NULL  ? AUDIT_INSERT
			   : after == NULL ? AUDIT_DELETE
							   : AUDIT_UPDATE;
	entry.action = action_name(config, rel, before, after);
	entry.resource_type = config->resource;
	entry.resource_id = audit_column_text(config, rel, row, config->id);
	check_id(config, rel, entry.resource_id);
	entry.tenant_id = audit_column_text(config, rel, row, config->tenant);
	if (entry.announce && entry.tenant_id != NULL)
		event_check_tenant(entry.tenant_id);
	entry.metadata = audit_note(config->resource);
	(void) audit_write(&entry);
}

/* a row that gets another id or tenant ends as the one and begins as the other */
static bool
is_moved(const AuditConfig *config, Relation rel, TupleTableSlot *before,
		 TupleTableSlot *after)
{
	return wrk_column_changed(rel, before, after, config->id) ||
		   (config->tenant != 0 &&
			wrk_column_changed(rel, before, after, config->tenant));
}

static void
record(AuditConfig *config, const TriggerData *data)
{
	Relation rel = data->tg_relation;

	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		write_change(config, rel, NULL, data->tg_trigslot);
	else if (TRIGGER_FIRED_BY_DELETE(data->tg_event))
		write_change(config, rel, data->tg_trigslot, NULL);
	else if (is_moved(config, rel, data->tg_trigslot, data->tg_newslot))
	{
		write_change(config, rel, data->tg_trigslot, NULL);
		write_change(config, rel, NULL, data->tg_newslot);
	}
	else
		write_change(config, rel, data->tg_trigslot, data->tg_newslot);
}

/* rows of all tenants are gone, and nobody knows which they were */
static void
record_truncate(Relation rel)
{
	AuditConfig *config = audit_config(rel);
	AuditEntry entry = {.op = AUDIT_TRUNCATE};

	entry.action = psprintf("%s.truncated", config->resource);
	entry.resource_type = config->resource;
	(void) audit_write(&entry);
}

Datum
wrk_audit_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("wrk.audit_trigger() must be called as a trigger")));
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
	{
		record_truncate(data->tg_relation);
		return PointerGetDatum(NULL);
	}
	if (!TRIGGER_FIRED_AFTER(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
		data->tg_trigger->tgnargs != 1)
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("trigger \"%s\" does not fire after each row, or has no"
							   " configuration",
							   data->tg_trigger->tgname),
						errhint("Use wrk.enable_audit() to make it.")));
	record(audit_config(data->tg_relation), data);
	return PointerGetDatum(NULL);
}
