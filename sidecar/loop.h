/*
 * loop.h: the event loop (layer 3); loop.c is the only file that knows libuv.
 *
 * One thread, one loop. Handles are allocated here and freed by libuv's close
 * callback, so stopping one inside its own callback is fine. The tick hook runs
 * after the callbacks of an iteration and before the loop sleeps: what callbacks
 * have marked is done there.
 */
#ifndef WRK_LOOP_H
#define WRK_LOOP_H

#include <stdbool.h>
#include <stdint.h>

typedef void (*LoopCallback)(void *arg);
typedef void (*LoopIoCallback)(void *arg, int events);

typedef struct LoopTimer LoopTimer;
typedef struct LoopPoll LoopPoll;

#define LOOP_READ 1
#define LOOP_WRITE 2

extern void loop_init(void);
extern void loop_run(void);
extern void loop_stop(void);

/* Closes what is left and frees the loop. */
extern void loop_free(void);

/* The uv_loop_t, for libwebsockets to be a guest on. */
extern void *loop_handle(void);

extern void loop_on_tick(LoopCallback callback, void *arg);

extern void loop_on_signal(int number, LoopCallback callback, void *arg);

/* A timer is made once, started and stopped at will, freed at the end. */
extern LoopTimer *loop_timer_new(LoopCallback callback, void *arg);
extern void loop_timer_start(LoopTimer *timer, int64_t after_ms, int64_t every_ms);
extern void loop_timer_stop(LoopTimer *timer);
extern bool loop_timer_is_active(const LoopTimer *timer);
extern void loop_timer_free(LoopTimer *timer);

/*
 * Looks up the addresses of a host without anybody waiting. The callback comes once,
 * later, with a list that is valid during it, or NULL and why; or never, once it was
 * told to forget. NULL when it cannot begin.
 */
struct addrinfo;
typedef struct LoopLookup LoopLookup;
typedef void (*LoopLookupCallback)(void *arg, const struct addrinfo *list,
								   const char *error);

extern LoopLookup *loop_lookup(const char *host, LoopLookupCallback callback, void *arg);
extern void loop_lookup_forget(LoopLookup *lookup);

/* Is a thread still at it, which exit() would wait for? */
extern bool loop_looks_up(void);

/*
 * Watches what a file descriptor stands for. The descriptor stays the caller's, who may
 * close it at any time. NULL when that fails.
 */
extern LoopPoll *loop_poll_new(int fd, LoopIoCallback callback, void *arg);
extern void loop_poll_set(LoopPoll *poll, int events);
extern void loop_poll_free(LoopPoll *poll);

#endif
