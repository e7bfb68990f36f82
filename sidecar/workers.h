/*
 * workers.h: several processes on one port, and who looks after them (layer 3).
 *
 * The parent serves nobody. It holds the port, starts the workers, starts those that
 * die again, ends those that hang, hands signals on and talks to systemd. A worker
 * is a whole gateway with its own loop and its own database connections; the kernel
 * spreads new connections over them (SO_REUSEPORT). What must stay true: one worker
 * that dies takes nobody else along; one that dies again and again is waited for
 * longer each time, up to WORKER_WAIT_MAX; without the parent no worker stays.
 */
#ifndef WRK_WORKERS_H
#define WRK_WORKERS_H

#include "config.h"

#include <stdbool.h>

#define WORKER_WAIT_MIN 100
#define WORKER_WAIT_MAX 10000
#define WORKER_SETTLED_MS 10000 /* who lived that long did not fail at the start */

/*
 * Looks after config->workers processes until a signal ends them all. Returns in
 * each worker with its number, and in the parent, at the end, with 0 and the exit
 * status in *status. reload is called in the parent at SIGHUP.
 */
extern int workers_run(Config *config, void (*reload)(void), int *status);

#endif
