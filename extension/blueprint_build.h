/*
 * blueprint_build.h
 *	  Making a blueprint in canonical form out of a document of another kind.
 *
 *   {"nodes": [{"id", "type", "position": {"x", "y"}, "data": {}, ...}],
 *    "edges": [{"id", "source", "target", ...}],
 *    "metadata": {"source": {"format", "document", "dropped"}, "problems"}}
 *
 * What of the source became neither node nor edge stays in metadata.source: its
 * other members as "document", and in "dropped" as {"path", "value"} what had a
 * place among nodes or edges and is none.  "problems" (blueprint_problems.h) says
 * what was wrong.  Members of metadata that would be empty are left out.
 *
 * Must stay true of what is made: nodes and edges have unique ids, edges lead to
 * nodes that are there, and building again from the same source gives the same bytes.
 */
#ifndef WRK_BLUEPRINT_BUILD_H
#define WRK_BLUEPRINT_BUILD_H

#include "blueprint_problems.h"
#include "json_map.h"
#include "uuid5.h"

/* one of these for each document that is imported */
typedef struct BlueprintBuild
{
	const char *format;
	JsonNode *nodes;
	JsonNode *edges;
	JsonNode *dropped;
	BlueprintProblems problems;
	JsonMap *node_ids; /* those that are taken */
	JsonMap *edge_ids;
	JsonMap *ordinals; /* of things that have the same identity */
} BlueprintBuild;

extern void build_begin(BlueprintBuild *build, const char *format);

/* {"nodes", "edges", "metadata"} with the rest of the source's members, an object */
extern JsonNode *build_finish(BlueprintBuild *build, JsonNode *rest);

/* ---------- ids ---------- */

/* in which every id that we make lies, directly or below another */
extern const Uuid5 build_namespace;

/* a string that is not empty, or a number; NULL may be asked for */
extern bool build_is_id(JsonNode *id);

/* and short, so that it may be repeated wherever something leads to it */
extern bool build_is_short_id(JsonNode *id);

/* false if the id is taken already */
extern bool build_take_id(JsonMap *taken, JsonNode *id);

/*
 * Takes an id that the same things in the same order always get.  Parts are
 * strings or numbers, NULL is as good as "".
 */
extern JsonNode *build_new_id(BlueprintBuild *build, JsonMap *taken, const char *kind,
							  JsonNode **parts, int nparts);

/* ---------- what is made ---------- */

extern JsonNode *build_position(JsonNode *x, JsonNode *y);

/* {"x": 0, "y": 0} */
extern JsonNode *build_origin(void);

/* {"x", "y"} of [x, y] or of itself; NULL for anything else */
extern JsonNode *build_position_of(JsonNode *value);

extern JsonNode *build_node(BlueprintBuild *build, JsonNode *id, JsonNode *type,
							JsonNode *position, JsonNode *data);

/* handles may be NULL; the edge gets an id */
extern JsonNode *build_edge(BlueprintBuild *build, JsonNode *source, char *source_handle,
							JsonNode *target, char *target_handle);

/* keeps a value that has no place in the result, and says why */
extern void build_drop(BlueprintBuild *build, JsonNode *path, const char *code,
					   const char *problem, JsonNode *value);

/*
 * Removes and returns a member with the type of a source's element; "default" if
 * there is none.  One that is no string stays where it is.
 */
extern JsonNode *build_take_type(JsonNode *element, const char *member);

/*
 * Says that a member is not what it should be if it is still there: what can be
 * used of a source's element has been taken by then.
 */
extern void build_report_member(BlueprintBuild *build, JsonNode *element,
								const char *collection, int i, const char *member,
								const char *code, const char *problem);

#endif /* WRK_BLUEPRINT_BUILD_H */
