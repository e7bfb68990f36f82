/*
 * url.h: paths and queries of request targets, without I/O (layer 1).
 *
 * What must stay true: what url_file_path() returns is a path below a folder, by
 * names alone: no empty or hidden name, nothing that a decoded name could smuggle in
 * (a slash, a backslash, a control character). Links are the file system's to refuse.
 */
#ifndef WRK_URL_H
#define WRK_URL_H

#include "buf.h"

#define URL_NAME_MAX 255 /* bytes of a decoded name in a path */
#define URL_DEPTH_MAX 16

/*
 * Takes the next name=value off a query; both are replaced. False at the end, and
 * when it cannot be decoded, with *broken set.
 */
extern bool url_query_next(const char **query, Buf *name, Buf *value, bool *broken);

/*
 * The file below a folder that a request's path names, "index.html" for one that ends
 * in a slash. False when it can name none.
 */
extern bool url_file_path(Buf *out, const char *path);

/* The Content-Type of a file by its name's ending. */
extern const char *url_content_type(const char *path);

#endif
