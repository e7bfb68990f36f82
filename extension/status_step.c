/*
 * status_step.c
 *	  Is this step legal, and for whom?
 *
 * Two questions with two answers.  Whether the machine has the step at all
 * (invalid_transition), and whether the identity of this transaction may have
 * the row take it (forbidden, or unauthorized for nobody).  Guards come last and
 * may refuse in their own words.
 *
 * Must stay true: (1) no doubt ends in yes: an unknown state, role, permission
 * or previous state refuses; (2) guard and "after" functions run with the rights
 * of whoever makes the statement, never with more.
 */
#include "status.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/regproc.h"

#include "identity.h"
#include "rbac.h"
#include "wrk_json.h"

/* ---------- for whom ---------- */

static bool
has_role(const Identity *id, const StatusTransition *transition)
{
	for (int i = 0; i < transition->nroles; i++)
		for (int j = 0; j < id->nroles; j++)
			if (strcmp(transition->roles[i], id->roles[j]) == 0)
				return true;
	return false;
}

static bool
for_everybody(const StatusTransition *transition)
{
	return transition->nroles == 0 && transition->permission == NULL;
}

bool
status_allowed(const StatusStep *step, const StatusTransition *transition, int *to)
{
	const Identity *id = identity_current();

	*to = transition->to == STATUS_TO_PREVIOUS ? status_previous(step) : transition->to;
	if (for_everybody(transition))
		return true;
	if (id == NULL)
		return false;
	if (has_role(id, transition))
		return true;
	return transition->permission != NULL &&
		   rbac_can(id, transition->permission, step->table->entity, step->id);
}

/* ---------- refusals ---------- */

static void
push_codes(JsonbParseState **state, const StatusStep *step)
{
	bool *seen = palloc0(sizeof(bool) * step->machine->nstates);
	bool is_new = step->from_code == NULL;

	wrk_json_key(state, "allowed");
	wrk_json_begin_array(state);
	for (int i = 0; is_new && i < step->machine->nstates; i++)
		if (step->machine->states[i].initial)
			wrk_json_elem_text(state, step->machine->states[i].code);
	for (int i = 0; i < step->machine->ntransitions; i++)
	{
		const StatusTransition *transition = &step->machine->transitions[i];
		int to;

		if (transition->from != step->from || !status_allowed(step, transition, &to) ||
			to == STATUS_NONE || seen[to])
			continue;
		seen[to] = true;
		wrk_json_elem_text(state, status_code(step->machine, to));
	}
	wrk_json_end_array(state);
}

/* {"machine", "from", "to", "allowed", "roles"} for clients to read */
static char *
refusal_detail(const StatusStep *step, const char *to, const StatusTransition *needed)
{
	JsonbParseState *state = NULL;

	wrk_json_begin_object(&state);
	wrk_json_pair_text(&state, "machine", step->machine->name);
	wrk_json_pair_text(&state, "from", status_code(step->machine, step->from));
	wrk_json_pair_text(&state, "to", to);
	push_codes(&state, step);
	if (needed != NULL)
	{
		wrk_json_key(&state, "roles");
		wrk_json_begin_array(&state);
		for (int i = 0; i < needed->nroles; i++)
			wrk_json_elem_text(&state, needed->roles[i]);
		wrk_json_end_array(&state);
	}
	return wrk_json_text(wrk_json_finish_object(&state));
}

void
status_refuse(const StatusStep *step, const char *to, const char *message,
			  const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_INVALID_TRANSITION), errmsg("%s", message),
					errdetail_internal("%s", refusal_detail(step, to, NULL)),
					hint ? errhint("%s", hint) : 0));
}

static void
refuse_step(const StatusStep *step)
{
	const char *to = status_code(step->machine, step->to);

	status_refuse(step, to,
				  psprintf("%s cannot go from \"%s\" to \"%s\"", step->table->entity,
						   status_code(step->machine, step->from), to),
				  step->machine->states[step->from].terminal
					  ? "Nothing leads out of this state."
					  : "wrk.available_transitions() lists what is possible from here.");
}

static void
refuse_identity(const StatusStep *step, const StatusTransition *needed)
{
	const char *to = status_code(step->machine, step->to);
	bool nobody = identity_current() == NULL;

	ereport(ERROR,
			(errcode(nobody ? ERRCODE_WRK_UNAUTHORIZED : ERRCODE_WRK_FORBIDDEN),
			 errmsg("%s take %s from \"%s\" to \"%s\"",
					nobody ? "only an identity may" : "this identity may not",
					step->table->entity, status_code(step->machine, step->from), to),
			 errdetail_internal("%s", refusal_detail(step, to, needed)),
			 nobody ? errhint("Call wrk.authenticate() first, or, to load data as a"
							  " member of wrk_service, wrk.status_import().")
					: 0));
}

/* ---------- is it legal ---------- */

void
status_find_step(StatusStep *step)
{
	const StatusTransition *known = NULL;

	for (int i = 0; i < step->machine->ntransitions; i++)
	{
		const StatusTransition *transition = &step->machine->transitions[i];
		int to = transition->to;
		bool allowed;

		/* the previous state is looked up only where it could be what is asked for */
		if (transition->from != step->from ||
			(to != step->to && to != STATUS_TO_PREVIOUS))
			continue;
		allowed = status_allowed(step, transition, &to);
		if (to != step->to)
			continue;
		known = transition;
		if (!allowed)
			continue;
		step->transition = transition;
		step->returned = transition->to == STATUS_TO_PREVIOUS;
		if (step->returned)
			return; /* a way back is one, whatever else leads there */
	}
	if (step->transition != NULL)
		return;
	if (known == NULL)
		refuse_step(step);
	refuse_identity(step, known);
}

int
status_wanted(const StatusStep *step, const char *code)
{
	int to;

	if (strcmp(code, STATUS_PREVIOUS) != 0)
	{
		to = status_state(step->machine, code);
		if (to == STATUS_NONE)
			status_refuse(step, code,
						  psprintf("status machine \"%s\" has no state \"%s\"",
								   step->machine->name, code),
						  NULL);
		return to;
	}
	if (!step->machine->states[step->from].history)
		status_refuse(step, code,
					  psprintf("there is no way back from \"%s\"",
							   status_code(step->machine, step->from)),
					  "Only states with \"history\" remember where a row came from.");
	to = status_previous(step);
	if (to == STATUS_NONE)
		status_refuse(step, code,
					  psprintf("it is not known what was before \"%s\"",
							   status_code(step->machine, step->from)),
					  "The row was loaded in this state: say where it shall go.");
	return to;
}

/* ---------- hooks ---------- */

/* what guards and "after" functions get */
static Datum
hook_argument(const StatusStep *step, Jsonb *row, int64 change_id)
{
	const Identity *id = identity_current();
	JsonbParseState *state = NULL;

	wrk_json_begin_object(&state);
	wrk_json_pair_text(&state, "entity", step->table->entity);
	wrk_json_pair_text(&state, "table", status_relation_name(step->table->relid));
	wrk_json_pair_text(&state, "id", step->id);
	wrk_json_pair_text(&state, "tenant_id", step->tenant);
	wrk_json_pair_text(&state, "machine", step->machine->name);
	wrk_json_pair_int64(&state, "machine_version", step->machine->version);
	wrk_json_pair_text(&state, "from", status_code(step->machine, step->from));
	wrk_json_pair_text(&state, "to", status_code(step->machine, step->to));
	wrk_json_pair_text(&state, "reason", step->reason);
	wrk_json_pair_text(&state, "by", id ? id->user_id : NULL);
	wrk_json_pair_bool(&state, "returned", step->returned);
	if (change_id != 0)
		wrk_json_pair_int64(&state, "change_id", change_id);
	wrk_json_pair_jsonb(&state, "row", row);
	return JsonbPGetDatum(wrk_json_finish_object(&state));
}

static void
check_shape(Oid function, Oid result)
{
	if (!wrk_has_shape(function, JSONBOID, result))
		ereport(ERROR, (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
						errmsg("function %s is no hook of a status machine any more",
							   format_procedure(function)),
						errhint("A guard is a function (jsonb) returns text, an \"after\""
								" function returns void.")));
}

static void
run_guard(const StatusStep *step, Jsonb *row)
{
	bool isnull;
	Datum refusal;

	check_shape(step->transition->guard, TEXTOID);
	refusal = wrk_call1(step->transition->guard, hook_argument(step, row, 0), &isnull);
	if (!isnull)
		status_refuse(step, status_code(step->machine, step->to),
					  TextDatumGetCString(refusal), NULL);
}

static bool
is_blank(const char *text)
{
	return text == NULL || text[strspn(text, " \t\r\n")] == '\0';
}

void
status_check_step(const StatusStep *step, Jsonb *row)
{
	if (step->transition->needs_reason && is_blank(step->reason))
		ereport(ERROR,
				(errcode(ERRCODE_WRK_BAD_REQUEST),
				 errmsg("%s cannot go from \"%s\" to \"%s\" without a reason",
						step->table->entity, status_code(step->machine, step->from),
						status_code(step->machine, step->to)),
				 errdetail_internal("{\"param\": \"reason\"}"),
				 errhint("Pass one to wrk.transition().")));
	if (OidIsValid(step->transition->guard))
		run_guard(step, row);
}

void
status_run_after(const StatusStep *step, Jsonb *row, int64 change_id)
{
	bool isnull;

	for (int i = 0; i < step->transition->nafter; i++)
	{
		check_shape(step->transition->after[i], VOIDOID);
		(void) wrk_call1(step->transition->after[i], hook_argument(step, row, change_id),
						 &isnull);
	}
}
