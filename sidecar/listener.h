/*
 * listener.h: the listening socket (layer 3).
 *
 * Accepts, sets TCP_NODELAY, and hands each descriptor over. What must stay true:
 * closing the listener leaves accepted sockets alone, so a drain can begin with it.
 */
#ifndef WRK_LISTENER_H
#define WRK_LISTENER_H

#include "config.h"

#include <stdbool.h>

typedef struct Listener Listener;

/* accepted takes over fd; false = refused, the listener closes it. */
typedef bool (*AcceptCallback)(void *arg, int fd);

/* NULL with a logged reason when it cannot listen. */
extern Listener *listener_open(const Config *config, AcceptCallback accepted, void *arg);
/* The same where metrics_listen says. */
extern Listener *listener_open_metrics(const Config *config, AcceptCallback accepted,
									   void *arg);

/*
 * Takes the port for others to share, without listening: sets port and reuse_port.
 * Returns a descriptor that keeps it, or -1 with a logged reason.
 */
extern int listener_hold_port(Config *config);

extern void listener_close(Listener *listener);

#endif
