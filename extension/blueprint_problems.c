/*
 * blueprint_problems.c
 *	  Collecting what is wrong; see blueprint_problems.h.
 *
 * Must stay true: what is reported is small whatever was sent, for it becomes
 * the detail of an error.
 */
#include "blueprint_problems.h"

void
problems_begin(BlueprintProblems *problems)
{
	*problems = (BlueprintProblems){.list = json_new_array()};
}

JsonNode *
problem_path(const char *first)
{
	JsonNode *path = json_new_array();

	if (first != NULL)
		json_append(path, json_new_string(first));
	return path;
}

void
problem_path_name(JsonNode *path, JsonText name)
{
	json_append(path, name.len <= BLUEPRINT_WORD_MAX ? json_new_text(name)
													 : json_new_string("..."));
}

void
problem_path_index(JsonNode *path, int i)
{
	json_append(path, json_new_string(psprintf("%d", i)));
}

JsonNode *
problem_path_of(const char *first, int i)
{
	JsonNode *path = problem_path(first);

	problem_path_index(path, i);
	return path;
}

JsonNode *
problem_add(BlueprintProblems *problems, JsonNode *path, const char *code,
			const char *text)
{
	JsonNode *problem;

	if (problems->list->n >= BLUEPRINT_PROBLEMS_MAX)
	{
		problems->more++;
		return NULL;
	}
	problem = json_new_object();
	json_set_named(problem, "path", path);
	json_set_named(problem, "code", json_new_string(code));
	json_set_named(problem, "problem", json_new_string(text));
	json_append(problems->list, problem);
	return problem;
}

void
problem_set(JsonNode *problem, const char *key, JsonNode *value)
{
	if (problem != NULL && value != NULL && value->kind != JSON_ARRAY &&
		value->kind != JSON_OBJECT && json_size(value) <= BLUEPRINT_WORD_MAX)
		json_set_named(problem, key, value);
}

JsonNode *
problems_end(BlueprintProblems *problems)
{
	if (problems->more > 0)
	{
		JsonNode *last = json_new_object();

		json_set_named(last, "path", json_new_array());
		json_set_named(last, "code", json_new_string("more_problems"));
		json_set_named(last, "problem", json_new_string("there are more problems"));
		json_set_named(last, "count", json_new_int(problems->more));
		json_append(problems->list, last);
	}
	return problems->list;
}
