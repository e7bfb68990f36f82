/*
 * blueprint_import.h
 *	  Blueprints from and to the documents of other editors.
 *
 * Formats and where they are described:
 *   react_flow      {nodes, edges}, reactflow.dev; Flowise and the canonical form too
 *   n8n             {nodes, connections by name}, docs.n8n.io
 *   node_red        an array of nodes with wires, or {flows}, nodered.org
 *   step_functions  {StartAt, States}, states-language.net
 *
 * The canonical form is in blueprint_build.h; importing it again changes nothing.
 * The tree that is given is used up.
 */
#ifndef WRK_BLUEPRINT_IMPORT_H
#define WRK_BLUEPRINT_IMPORT_H

#include "blueprint_build.h"

/* error: bad_request for a format that is not known or not the document's */
extern JsonNode *blueprint_import(JsonNode *doc, const char *format);
extern JsonNode *blueprint_export(JsonNode *doc, const char *format);

/* one for each format; the document has passed its test in blueprint_import.c */
extern JsonNode *import_react_flow(JsonNode *doc);
extern JsonNode *import_n8n(JsonNode *doc);
extern JsonNode *import_node_red(JsonNode *doc);
extern JsonNode *import_step_functions(JsonNode *doc);

#endif /* WRK_BLUEPRINT_IMPORT_H */
