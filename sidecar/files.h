/*
 * files.h: the files of one folder, as they are (layer 3).
 *
 * For the web page and the client that come with the gateway. What must stay true: no
 * request reaches anything but a regular file below the folder, by names that are not
 * hidden and through no symbolic link; each step of the path is opened within the one
 * before, so nobody can swap one meanwhile. A page may load and talk to nothing but
 * its own origin. Files are read whole, in the loop: they are few and small.
 */
#ifndef WRK_FILES_H
#define WRK_FILES_H

#include "answer.h"
#include "httphead.h"

#define FILE_BYTES_MAX (16 * 1024 * 1024)
#define FILES_KEPT 64
#define FILES_KEPT_BYTES (64 * 1024 * 1024)

/* Fills the answer for a GET or HEAD; 404 for what is not there. */
extern void files_answer(const char *folder, const HttpHead *head, Answer *answer);

/* At the end: forgets what is kept. */
extern void files_free(void);

#endif
