/*
 * blueprint_problems.h
 *	  What is wrong with a document, found all at once.
 *
 * A problem is {"path": [...], "code": text, "problem": text, ...}: the path
 * leads from the root, positions in arrays as text, so that it can be given to
 * #> as it is.  At most BLUEPRINT_PROBLEMS_MAX are kept; how many more there were
 * stands in a last one of code "more_problems".
 */
#ifndef WRK_BLUEPRINT_PROBLEMS_H
#define WRK_BLUEPRINT_PROBLEMS_H

#include "json_tree.h"

#define BLUEPRINT_PROBLEMS_MAX 100

/* ids and names that are longer are not repeated in a problem */
#define BLUEPRINT_WORD_MAX 200

typedef struct BlueprintProblems
{
	JsonNode *list;
	int64 more; /* beyond the most that are kept */
	bool too_large;
} BlueprintProblems;

extern void problems_begin(BlueprintProblems *problems);

/* the i-th child of something; no more than a word of a long name is kept */
extern JsonNode *problem_path(const char *first);
extern void problem_path_name(JsonNode *path, JsonText name);
extern void problem_path_index(JsonNode *path, int i);

/* problem_path_of("nodes", 3) is ["nodes", "3"] */
extern JsonNode *problem_path_of(const char *first, int i);

/*
 * Adds a problem; takes the path.  Returns it, so that more can be said with
 * json_set_named() and problem_set_id(), or NULL if it was one too many.
 */
extern JsonNode *problem_add(BlueprintProblems *problems, JsonNode *path,
							 const char *code, const char *text);

/* says a value under a name, unless there is no problem, no value or too much of it */
extern void problem_set(JsonNode *problem, const char *key, JsonNode *value);

/* the list, with the count of what is not in it */
extern JsonNode *problems_end(BlueprintProblems *problems);

#endif /* WRK_BLUEPRINT_PROBLEMS_H */
