/*
 * event_row.c
 *	  What a row says about its events; see event_row.h.
 *
 * Values become text through the output functions of their types, for names,
 * and JSON the way to_jsonb() has it, for payloads.  Large values are fetched
 * only when they are needed.
 *
 * Must stay true: a value cannot widen what its template meant: one with a colon
 * or a control character is refused rather than made part of a channel's name,
 * and an audience that names only absent users is nobody, not everybody.
 */
#include "event_row.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "event.h"
#include "event_check.h"
#include "identity.h"
#include "wrk_json.h"

/* of a value in a channel's name, an audience or the place of the id */
#define MAX_SEGMENT_LEN 512


/* ---------- values ---------- */

static Form_pg_attribute
attribute(const Change *change, AttrNumber column)
{
	return TupleDescAttr(RelationGetDescr(change->rel), column - 1);
}

char *
event_row_text(const Change *change, TupleTableSlot *row, AttrNumber column)
{
	FmgrInfo *writer = &change->writers[column - 1].text;
	bool isnull;
	Datum value = slot_getattr(row, column, &isnull);

	if (isnull)
		return NULL;
	if (!OidIsValid(writer->fn_oid))
	{
		Oid function;
		bool is_varlena;

		getTypeOutputInfo(attribute(change, column)->atttypid, &function, &is_varlena);
		fmgr_info_cxt(function, writer, change->context);
	}
	return OutputFunctionCall(writer, value);
}

/* the value as JSON; NULL for SQL NULL */
static Jsonb *
column_json(const Change *change, TupleTableSlot *row, AttrNumber column)
{
	FmgrInfo *writer = &change->writers[column - 1].json;
	Oid type = attribute(change, column)->atttypid;
	bool isnull;
	Datum value = slot_getattr(row, column, &isnull);

	if (isnull)
		return NULL;
	if (type == JSONBOID)
		return DatumGetJsonbP(value);
	if (!OidIsValid(writer->fn_oid))
		wrk_json_writer(writer, type, change->context);
	return DatumGetJsonbP(FunctionCall1(writer, value));
}

static void
push_column(JsonbParseState **state, const char *key, const Change *change,
			TupleTableSlot *row, AttrNumber column)
{
	Jsonb *value = column_json(change, row, column);

	if (value == NULL)
		wrk_json_pair_null(state, key);
	else
		wrk_json_pair_jsonb(state, key, value);
}


/* ---------- where events go ---------- */

static void
refuse_segment(const Change *change, AttrNumber column)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_WRK_BAD_REQUEST),
		 errmsg(
			 "value of column \"%s\" of table \"%s\" cannot be part of a channel's name",
			 NameStr(attribute(change, column)->attname),
			 RelationGetRelationName(change->rel)),
		 errdetail("It is longer than %d bytes, or contains a colon or a control"
				   " character.",
				   MAX_SEGMENT_LEN)));
}

/* a value must not turn into more than the segment it stands for */
static void
check_segment(const Change *change, AttrNumber column, const char *value,
			  bool may_have_colons)
{
	bool bad = strlen(value) > MAX_SEGMENT_LEN ||
			   (!may_have_colons && strchr(value, ':') != NULL);

	for (const unsigned char *p = (const unsigned char *) value; !bad && *p; p++)
		bad = *p < 0x20 || *p == 0x7f;
	if (bad)
		refuse_segment(change, column);
}

/* appends the name the template makes of the row; false if one of its columns is NULL or
 * empty */
static bool
expand(const Change *change, TupleTableSlot *row, const Template *template,
	   StringInfo name)
{
	for (int i = 0; i < template->nparts; i++)
	{
		const TemplatePart *part = &template->parts[i];
		char *value;

		if (part->literal != NULL)
		{
			appendStringInfoString(name, part->literal);
			continue;
		}
		value = event_row_text(change, row, part->column);
		if (value == NULL || value[0] == '\0')
			return false;
		check_segment(change, part->column, value,
					  template->may_end_in_colons && i == template->nparts - 1);
		appendStringInfoString(name, value);
	}
	return true;
}

static List *
row_channels(const Change *change, TupleTableSlot *row, const char *tenant)
{
	const EventConfig *config = change->config;
	List *channels = NIL;

	for (int i = 0; i < config->nchannels; i++)
	{
		StringInfoData name;

		initStringInfo(&name);
		appendStringInfo(&name, "tenant:%s", tenant);
		if (config->channels[i].nparts > 0)
			appendStringInfoChar(&name, ':');
		if (expand(change, row, &config->channels[i], &name))
			channels = lappend(channels, name.data);
	}
	return channels;
}

/* the audience the row's value decides for */
static const Audience *
deciding_audience(const Change *change, TupleTableSlot *row)
{
	const EventConfig *config = change->config;
	char *value = NULL;

	if (config->audience_column != 0)
		value = event_row_text(change, row, config->audience_column);
	for (int i = 0; value != NULL && i < config->ncases; i++)
		if (strcmp(config->cases[i].value, value) == 0)
			return &config->cases[i].audience;
	return &config->audience;
}

static void
add_audience(const Change *change, TupleTableSlot *row, Target *target)
{
	const Audience *audience = deciding_audience(change, row);

	for (int i = 0; i < audience->nentries; i++)
	{
		StringInfoData entry;

		initStringInfo(&entry);
		if (expand(change, row, &audience->entries[i], &entry))
			target->audience = lappend(target->audience, entry.data);
	}
	target->nobody = audience->nentries > 0 && target->audience == NIL;
}

static bool
is_member(Oid role)
{
	return has_privs_of_role(role, get_role_oid(WRK_ROLE_MEMBER, false));
}

/* whether the current role may speak for any tenant here; end users do not by owning a
 * table */
static bool
is_trusted(const Change *change)
{
	Oid role = GetUserId();

	return event_may_speak_for_all() || has_bypassrls_privilege(role) ||
		   (has_privs_of_role(role, change->rel->rd_rel->relowner) && !is_member(role));
}

/* whether a tenant in text form is the one in the row: a uuid can be spelt in several
 * ways */
static bool
is_tenant_of_row(const Change *change, TupleTableSlot *row, const char *tenant_id)
{
	AttrNumber column = change->config->tenant;
	Form_pg_attribute att = attribute(change, column);
	Oid type = getBaseType(att->atttypid);
	Oid function, type_param;
	bool isnull;

	if (type == TEXTOID || type == VARCHAROID)
		return strcmp(tenant_id, event_row_text(change, row, column)) == 0;
	getTypeInputInfo(att->atttypid, &function, &type_param);
	return datum_image_eq(
		OidInputFunctionCall(function, pstrdup(tenant_id), type_param, att->atttypmod),
		slot_getattr(row, column, &isnull), att->attbyval, att->attlen);
}

/*
 * Row-level security sees to it that members write rows of their tenant only,
 * where it is switched on.  Where it is not, an event must not speak for a tenant
 * its writer does not act for.
 */
static void
check_writer(const Change *change, TupleTableSlot *row, const char *tenant)
{
	const Identity *who = identity_current();

	if (who != NULL && strcmp(who->tenant_id, tenant) == 0)
		return;
	if (is_trusted(change))
		return;
	if (who == NULL ? !is_member(GetUserId())
					: is_tenant_of_row(change, row, who->tenant_id))
		return;
	ereport(ERROR, (errcode(ERRCODE_WRK_FORBIDDEN),
					errmsg("role \"%s\" may not announce rows of another tenant",
						   GetUserNameFromId(GetUserId(), false)),
					errdetail("Changes of table \"%s\" are events.",
							  RelationGetRelationName(change->rel)),
					errhint("Call wrk.authenticate() for the row's tenant, and"
							" wrk.enable_tenancy() for the table.")));
}

Target *
event_row_target(const Change *change, TupleTableSlot *row)
{
	const EventConfig *config = change->config;
	Target *target = palloc0(sizeof(Target));

	target->tenant = event_row_text(change, row, config->tenant);
	target->id = event_row_text(change, row, config->id);
	if (target->tenant == NULL || target->id == NULL)
		ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION),
						errmsg("row of table \"%s\" has no %s and cannot be announced",
							   RelationGetRelationName(change->rel),
							   target->tenant ? "id" : "tenant")));
	/* an event carries the id even when it is too large for the row */
	if (strlen(target->id) > MAX_SEGMENT_LEN)
		refuse_segment(change, config->id);
	event_check_tenant(target->tenant);
	check_writer(change, row, target->tenant);
	target->channels = row_channels(change, row, target->tenant);
	add_audience(change, row, target);
	return target;
}


/* ---------- payloads ---------- */

List *
event_row_changed(const Change *change)
{
	const EventConfig *config = change->config;
	List *changed = NIL;

	for (int i = 0; i < config->natts; i++)
		if (config->chosen[i] &&
			wrk_column_changed(change->rel, change->before, change->after, i + 1))
			changed = lappend_int(changed, i + 1);
	return changed;
}

/* about how many bytes the chosen columns take, without fetching them */
static Size
row_bytes(const Change *change, TupleTableSlot *row)
{
	const EventConfig *config = change->config;
	Size bytes = 0;

	for (int i = 0; i < config->natts; i++)
	{
		bool isnull;
		Datum value = slot_getattr(row, i + 1, &isnull);

		if (config->chosen[i] && !isnull && attribute(change, i + 1)->attlen == -1)
			bytes += toast_raw_datum_size(value);
	}
	return bytes;
}

static void
push_row(JsonbParseState **state, const Change *change, TupleTableSlot *row)
{
	const EventConfig *config = change->config;

	wrk_json_key(state, "data");
	wrk_json_begin_object(state);
	for (int i = 0; i < config->natts; i++)
		if (config->chosen[i])
			push_column(state, NameStr(attribute(change, i + 1)->attname), change, row,
						i + 1);
	wrk_json_end_object(state);
}

static void
push_names(JsonbParseState **state, const Change *change, List *columns)
{
	ListCell *cell;

	wrk_json_key(state, "changed");
	wrk_json_begin_array(state);
	foreach (cell, columns)
		wrk_json_elem_text(state, NameStr(attribute(change, lfirst_int(cell))->attname));
	wrk_json_end_array(state);
}

Jsonb *
event_row_payload(const Change *change, TupleTableSlot *row, bool with_row, List *changed)
{
	JsonbParseState *state = NULL;
	bool oversize = with_row && row_bytes(change, row) > event_max_bytes;
	Jsonb *payload;

	for (;;)
	{
		state = NULL;
		wrk_json_begin_object(&state);
		push_column(&state, "id", change, row, change->config->id);
		if (with_row && !oversize)
			push_row(&state, change, row);
		if (oversize)
			wrk_json_pair_bool(&state, "oversize", true);
		if (changed != NIL)
			push_names(&state, change, changed);
		payload = wrk_json_finish_object(&state);
		if (oversize || !with_row || VARSIZE(payload) <= event_max_bytes)
			return payload;
		oversize = true;
	}
}
