/*
 * blueprint_place.c
 *	  Places in a document, and errors that name them; see blueprint_place.h.
 */
#include "blueprint_place.h"

#include "json_text.h"
#include "wrk_copilot.h"

BlueprintPlace
blueprint_member(const BlueprintPlace *up, JsonText name)
{
	return (BlueprintPlace){.up = up, .name = name};
}

BlueprintPlace
blueprint_named(const BlueprintPlace *up, const char *name)
{
	return blueprint_member(up, json_text(name));
}

BlueprintPlace
blueprint_item(const BlueprintPlace *up, int index)
{
	return (BlueprintPlace){.up = up, .index = index};
}

/* {"path": [...], "id": id} */
static char *
detail(const BlueprintPlace *place, JsonNode *id)
{
	JsonNode *doc = json_new_object();
	JsonNode *path = json_new_array();

	for (; place != NULL; place = place->up)
		json_insert(path, 0,
					place->name.val != NULL ? json_new_text(place->name)
											: json_new_int(place->index));
	json_set_named(doc, "path", path);
	if (id != NULL)
		json_set_named(doc, "id", id);
	return json_to_cstring(doc);
}

void
blueprint_malformed(const BlueprintPlace *place, const char *message)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST), errmsg("%s", message),
					errdetail_internal("%s", detail(place, NULL))));
}

void
blueprint_conflict(const BlueprintPlace *place, JsonNode *id, const char *message)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_CONFLICT), errmsg("%s", message),
					errdetail_internal("%s", detail(place, id))));
}
