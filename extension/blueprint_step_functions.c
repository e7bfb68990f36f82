/*
 * blueprint_step_functions.c
 *	  State machines of AWS Step Functions, in the Amazon States Language; see
 *	  blueprint_import.h.
 *
 * States are known by their names, within the machine or the branch they are of.
 * So the id of a state is made of its name in the namespace of what it is in: the
 * document, or the state and the field (Branches/0, ItemProcessor, Iterator) whose
 * machine it belongs to.  Names that are used again in another branch do not meet;
 * data.path tells them apart.
 *
 * What leads from state to state by a name becomes an edge, whose sourceHandle says
 * which field it was: Next, Default, Choices/0, Catch/0, and for the state a branch
 * starts at the field of the branch.  All else of a state is data.state of its node.
 *
 * States have no positions: they are laid out in the order in which they are
 * reached, nested ones to the right.
 *
 * Must stay true: a document costs what it holds, however deep, so places are
 * written out only for the problems that name them.
 */
#include "blueprint_import.h"

#include "miscadmin.h"

/* bytes of a qualified name; one that would be longer is left out */
#define QUALIFIED_MAX 1000

#define COLUMN_WIDTH 320
#define ROW_HEIGHT 120

/* a place in the document, from the inside out */
typedef struct Place
{
	const struct Place *outer;
	JsonText name;
	int index; /* if it has no name */
} Place;

/* one of these for each machine: the document, a branch, the body of a map */
typedef struct Scope
{
	BlueprintBuild *build;
	const Place *place;
	int depth;
	Uuid5 space;
	JsonNode *parent; /* id of the state it belongs to; NULL for the document */
	char *field;      /* of that state */
	char *qualifier;  /* what names in it begin with; NULL if that is too long */
	JsonNode *states;
	JsonMap *numbers; /* of the states, by name */
	int *queue;       /* of the states that were reached, in that order */
	bool *queued;
	int nqueued;
	JsonNode *start; /* id of the state that it starts at */
} Scope;

/* ---------- problems ---------- */

static JsonNode *
path_to(const Place *place)
{
	JsonNode *path = problem_path(NULL);
	const Place **places;
	int n = 0;
	int i;

	for (const Place *p = place; p != NULL; p = p->outer)
		n++;
	places = palloc(sizeof(Place *) * Max(n, 1));
	i = n;
	for (const Place *p = place; p != NULL; p = p->outer)
		places[--i] = p;
	for (i = 0; i < n; i++)
	{
		if (places[i]->name.val != NULL)
			problem_path_name(path, places[i]->name);
		else
			problem_path_index(path, places[i]->index);
	}
	return path;
}

static void
report(BlueprintBuild *build, const Place *outer, const char *field, const char *code,
	   const char *problem)
{
	Place place = {.outer = outer, .name = json_text(field)};

	if (build->problems.list->n < BLUEPRINT_PROBLEMS_MAX)
		problem_add(&build->problems, path_to(&place), code, problem);
	else
		build->problems.more++;
}

/* ---------- names and what they lead to ---------- */

static JsonNode *
state_id(const Scope *scope, JsonText name)
{
	Uuid5 id = uuid5(&scope->space, name.val, name.len);

	return json_new_string(uuid5_text(&id));
}

/* id of the state of this name, which is reached now; NULL if there is none */
static JsonNode *
reach(Scope *scope, JsonNode *name)
{
	const int *number;

	if (name == NULL || name->kind != JSON_STRING)
		return NULL;
	number = json_map_get(scope->numbers, name);
	if (number == NULL)
		return NULL;
	if (!scope->queued[*number])
	{
		scope->queued[*number] = true;
		scope->queue[scope->nqueued++] = *number;
	}
	return state_id(scope, name->u.string);
}

/* makes an edge of a member that names a state, and removes it */
static void
import_reference(Scope *scope, const Place *place, JsonNode *id, JsonNode *object,
				 const char *field, char *handle)
{
	JsonNode *name = json_get_named(object, field);
	JsonNode *target = reach(scope, name);

	if (target != NULL)
	{
		(void) build_edge(scope->build, id, handle, target, NULL);
		(void) json_remove(object, json_text(field));
	}
	else if (name != NULL)
		report(scope->build, place, field, "dangling_edge",
			   "names no state that is there");
}

/* Choices and Catch: arrays of objects with Next */
static void
import_rules(Scope *scope, const Place *place, JsonNode *id, JsonNode *state,
			 const char *field)
{
	JsonNode *rules = json_get_named(state, field);
	Place array = {.outer = place, .name = json_text(field)};

	if (rules == NULL || rules->kind != JSON_ARRAY)
		return;
	for (int i = 0; i < rules->n; i++)
	{
		Place rule = {.outer = &array, .index = i};

		if (json_item(rules, i)->kind == JSON_OBJECT)
			import_reference(scope, &rule, id, json_item(rules, i), "Next",
							 psprintf("%s/%d", field, i));
	}
}

/* ---------- machines ---------- */

static void import_machine(BlueprintBuild *build, const Place *place, Scope *scope,
						   JsonNode *machine);

/* the name with those of all it is in: Outer/Branches/0/Inner */
static char *
qualified(const Scope *scope, JsonText name)
{
	if (scope->qualifier == NULL ||
		strlen(scope->qualifier) + (Size) name.len > QUALIFIED_MAX)
		return NULL;
	return psprintf("%s%.*s", scope->qualifier, name.len, name.val);
}

static void
import_nested(Scope *outer, const Place *place, JsonNode *id, JsonText name,
			  JsonNode *machine, char *field)
{
	Uuid5 self = uuid5(&outer->space, id->u.string.val, id->u.string.len);
	char *qualifier = qualified(outer, name);
	Scope scope = {.depth = outer->depth + 1,
				   .space = uuid5(&self, field, (int) strlen(field)),
				   .parent = id,
				   .field = field,
				   .qualifier = qualifier ? psprintf("%s/%s/", qualifier, field) : NULL};

	if (machine->kind != JSON_OBJECT)
		return;
	import_machine(outer->build, place, &scope, machine);
	if (scope.start != NULL)
		(void) build_edge(outer->build, id, field, scope.start, NULL);
}

static void
import_branches(Scope *scope, const Place *place, JsonNode *id, JsonText name,
				JsonNode *state)
{
	static const char *const bodies[] = {"ItemProcessor", "Iterator"};
	JsonNode *branches = json_get_named(state, "Branches");
	Place array = {.outer = place, .name = json_text("Branches")};

	for (int i = 0; branches != NULL && branches->kind == JSON_ARRAY && i < branches->n;
		 i++)
	{
		Place branch = {.outer = &array, .index = i};

		import_nested(scope, &branch, id, name, json_item(branches, i),
					  psprintf("Branches/%d", i));
	}
	for (int i = 0; i < lengthof(bodies); i++)
	{
		JsonNode *body = json_get_named(state, bodies[i]);
		Place member = {.outer = place, .name = json_text(bodies[i])};

		if (body != NULL)
			import_nested(scope, &member, id, name, body, pstrdup(bodies[i]));
	}
}

static void
import_state(Scope *scope, JsonText name, JsonNode *state)
{
	Place states = {.outer = scope->place, .name = json_text("States")};
	Place place = {.outer = &states, .name = name};
	JsonNode *id = state_id(scope, name);
	JsonNode *data = json_new_object();
	JsonNode *type = build_take_type(state, "Type");
	int row = scope->build->nodes->n;

	json_set_named(data, "name", json_new_text(name));
	json_set_named(data, "state", state);
	if (scope->parent != NULL)
	{
		json_set_named(data, "parent", scope->parent);
		json_set_named(data, "field", json_new_string(scope->field));
		if (qualified(scope, name) != NULL)
			json_set_named(data, "path", json_new_string(qualified(scope, name)));
	}
	if (json_get_named(state, "Type") != NULL)
		report(scope->build, &place, "Type", "wrong_type", "is no type");
	(void) build_take_id(scope->build->node_ids, id);
	(void) build_node(scope->build, id, type,
					  build_position(json_new_int((int64) scope->depth * COLUMN_WIDTH),
									 json_new_int((int64) row * ROW_HEIGHT)),
					  data);
	import_reference(scope, &place, id, state, "Next", "Next");
	import_rules(scope, &place, id, state, "Choices");
	import_reference(scope, &place, id, state, "Default", "Default");
	import_rules(scope, &place, id, state, "Catch");
	import_branches(scope, &place, id, name, state);
}

/* numbers the states; returns what among them is none, NULL if there is no such */
static JsonNode *
number_states(Scope *scope)
{
	Place states = {.outer = scope->place, .name = json_text("States")};
	Size n = Max(scope->states->n, 1);
	JsonNode *others = NULL;
	bool found;

	scope->numbers = json_map(scope->states->n);
	scope->queue = palloc_extended(sizeof(int) * n, MCXT_ALLOC_HUGE);
	scope->queued = palloc_extended(n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < scope->states->n; i++)
	{
		const JsonMember *member = json_member(scope->states, i);

		if (member->value->kind == JSON_OBJECT)
		{
			*json_map_put(scope->numbers, json_new_text(member->key), &found) = i;
			continue;
		}
		report(scope->build, &states,
			   pnstrdup(member->key.val, Min(member->key.len, BLUEPRINT_WORD_MAX)),
			   "not_object", "is no object");
		if (others == NULL)
			others = json_new_object();
		json_set(others, member->key, member->value);
	}
	return others;
}

/* those that can be reached from the start, then those that cannot */
static void
import_states(Scope *scope)
{
	int done = 0;

	for (int i = 0; i <= scope->states->n; i++)
	{
		for (; done < scope->nqueued; done++)
		{
			const JsonMember *member = json_member(scope->states, scope->queue[done]);

			CHECK_FOR_INTERRUPTS();
			import_state(scope, member->key, member->value);
		}
		if (i < scope->states->n &&
			json_member(scope->states, i)->value->kind == JSON_OBJECT)
			(void) reach(scope, json_new_text(json_member(scope->states, i)->key));
	}
}

static void
import_machine(BlueprintBuild *build, const Place *place, Scope *scope, JsonNode *machine)
{
	JsonNode *others;

	check_stack_depth();
	scope->build = build;
	scope->place = place;
	scope->states = json_get_named(machine, "States");
	if (scope->states == NULL || scope->states->kind != JSON_OBJECT)
	{
		report(build, place, "States", "not_object", "is no object");
		return;
	}
	others = number_states(scope);
	scope->start = reach(scope, json_get_named(machine, "StartAt"));
	if (scope->start == NULL)
		report(build, place, "StartAt", "missing_start", "names no state that is there");
	import_states(scope);
	if (others != NULL)
		json_set_named(machine, "States", others);
	else
		(void) json_remove(machine, json_text("States"));
	if (scope->parent != NULL && scope->start != NULL)
		(void) json_remove(machine, json_text("StartAt"));
}

JsonNode *
import_step_functions(JsonNode *doc)
{
	BlueprintBuild build;
	Scope scope = {.space = build_namespace, .qualifier = ""};

	build_begin(&build, "step_functions");
	import_machine(&build, NULL, &scope, doc);
	return build_finish(&build, doc);
}
