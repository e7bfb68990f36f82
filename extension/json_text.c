/*
 * json_text.c
 *	  Text by the server's own function; see json_text.h.
 */
#include "json_text.h"

char *
json_to_cstring(JsonNode *node)
{
	Jsonb *doc = json_to_jsonb(node);

	return JsonbToCString(NULL, &doc->root, VARSIZE(doc));
}
