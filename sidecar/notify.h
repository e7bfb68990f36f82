/*
 * notify.h: telling systemd how the service is (layer 0).
 *
 * The protocol of sd_notify(3): a datagram of NAME=value lines to the socket that
 * NOTIFY_SOCKET names. Without that, nothing is done. Only the process that systemd
 * started tells; what it forks calls notify_off() first.
 */
#ifndef WRK_NOTIFY_H
#define WRK_NOTIFY_H

#include <stdint.h>

extern void notify_off(void);

/* "READY=1", "STOPPING=1", "STATUS=..." */
extern void notify(const char *state);

/* RELOADING=1 with the time that systemd wants with it. */
extern void notify_reloading(void);

/* How often to say WATCHDOG=1, ms: half of what is allowed; 0 when not at all. */
extern int64_t notify_watchdog_ms(void);

#endif
