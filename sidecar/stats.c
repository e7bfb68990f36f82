/*
 * stats.c: see stats.h.
 */
#include "stats.h"

Stats stats;
