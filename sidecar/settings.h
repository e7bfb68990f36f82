/*
 * settings.h: are the settings good, and reading them anew (layer 3).
 *
 * What must stay true: a file that is not good in any respect changes nothing at
 * all, whatever else is in it. A setting that takes a restart keeps its value, and
 * the log says so. Nobody who is connected notices anything.
 */
#ifndef WRK_SETTINGS_H
#define WRK_SETTINGS_H

#include "gateway.h"

#include <stdbool.h>

/* Looks at what config.c cannot know about; loads the certificate. */
extern bool settings_check(const Config *config, Buf *error);

/* The log of the process is as the configuration says. */
extern void settings_apply_log(const Config *config);

/* The arguments of the process, for reading all of it again. */
extern void settings_remember(int argc, char **argv);
extern void settings_forget(void);

/* SIGHUP: reads file, environment and flags anew; certificate and key in any case. */
extern void settings_reload(Gateway *gateway);

#endif
