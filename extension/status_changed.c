/*
 * status_changed.c
 *	  What follows a change of state.
 *
 * wrk.status_changed() runs after the row was written.  For a new row it records
 * where it began (the guard cannot: an INSERT may yet turn into an UPDATE).  For
 * a change it finds what the guard has recorded, tells those who watch, and has
 * the transition's "after" functions run.
 *
 * Must stay true: a change that no guard has recorded is an error, so that no
 * way of writing past the guard goes unnoticed.
 */
#include "status.h"

#include "commands/trigger.h"

#include "event.h"
#include "event_check.h"
#include "identity.h"
#include "wrk_json.h"

PG_FUNCTION_INFO_V1(wrk_status_changed);

void
status_put_step(JsonbParseState **state, const StatusStep *step, const char *reason)
{
	const Identity *id = identity_current();

	wrk_json_pair_text(state, "id", step->id);
	wrk_json_pair_text(state, "from", status_code(step->machine, step->from));
	wrk_json_pair_text(state, "to", status_code(step->machine, step->to));
	if (reason != NULL)
		wrk_json_pair_text(state, "reason", reason);
	wrk_json_pair_text(state, "by", id ? id->user_id : NULL);
}

static Jsonb *
event_payload(const StatusStep *step, int64 change_id)
{
	JsonbParseState *state = NULL;

	wrk_json_begin_object(&state);
	status_put_step(&state, step, step->reason);
	wrk_json_pair_int64(&state, "change_id", change_id);
	return wrk_json_finish_object(&state);
}

static void
announce(const StatusStep *step, const TriggerData *data, int64 change_id)
{
	Change change = {.config = step->table->events,
					 .writers = step->table->writers,
					 .context = step->table->context,
					 .rel = data->tg_relation,
					 .after = data->tg_newslot};
	Target *target = event_row_target(&change, data->tg_newslot);
	EventRow row = {0};

	if (target->channels == NIL || target->nobody)
		return;
	row.type = psprintf("%s.status_changed", step->table->entity);
	row.payload = JsonbPGetDatum(event_payload(step, change_id));
	row.channels = event_text_array(target->channels);
	row.audience = event_text_array(target->audience);
	row.tenant_id = target->tenant;
	row.class = EVENT_CRITICAL;
	(void) event_write(&row);
}

static void
after_insert(const StatusTable *table, const TriggerData *data)
{
	StatusStep step = status_read_step(table, data->tg_relation, NULL, data->tg_trigslot);

	if (!status_importing() && !step.machine->states[step.to].initial)
		status_refuse_beginning(&step);
	status_record(&step, status_importing());
}

/* the transition that the guard let the row take */
static const StatusTransition *
taken_transition(const StatusStep *step)
{
	int to = step->returned ? STATUS_TO_PREVIOUS : step->to;

	for (int i = 0; i < step->machine->ntransitions; i++)
		if (step->machine->transitions[i].from == step->from &&
			step->machine->transitions[i].to == to)
			return &step->machine->transitions[i];
	elog(ERROR, "machine \"%s\" has no step it has recorded", step->machine->name);
}

static void
after_update(const StatusTable *table, const TriggerData *data)
{
	Relation rel = data->tg_relation;
	StatusStep step = status_read_step(table, rel, data->tg_trigslot, data->tg_newslot);
	int64 change_id;

	if (status_importing())
		return;
	change_id = status_recorded(&step);
	step.transition = taken_transition(&step);
	if (table->events != NULL)
		announce(&step, data, change_id);
	if (step.transition->nafter > 0)
		status_run_after(&step, status_row_json(rel, data->tg_newslot), change_id);
	status_set_last_change(change_id); /* not those the functions made */
}

Datum
wrk_status_changed(PG_FUNCTION_ARGS)
{
	const TriggerData *data = (TriggerData *) fcinfo->context;
	const StatusTable *table;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) || TRIGGER_FIRED_BY_DELETE(data->tg_event))
		ereport(
			ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("wrk.status_changed() must be an AFTER INSERT OR UPDATE trigger for"
					" each row"),
			 errhint("Call wrk.enable_status() instead of creating the trigger.")));
	table = status_table(data->tg_relation);
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		after_insert(table, data);
	else if (!status_same_value(data->tg_relation, data->tg_trigtuple, data->tg_newtuple,
								table->status))
		after_update(table, data);
	return PointerGetDatum(NULL);
}
