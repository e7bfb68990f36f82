/*
 * json_text.c
 *	  Text by the server's own function; see json_text.h.
 */
#include "json_text.h"

#include "wrk_json.h"

char *
json_to_cstring(JsonNode *node)
{
	return wrk_json_text(json_to_jsonb(node));
}
