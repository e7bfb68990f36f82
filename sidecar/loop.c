/*
 * loop.c: see loop.h.
 */
#include "loop.h"

#include "log.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#define MAX_SIGNALS 8
#define CLOSING_TURNS 100 /* of the loop, for handles to be gone */

struct LoopTimer
{
	uv_timer_t uv;
	LoopCallback callback;
	void *arg;
};

struct LoopPoll
{
	uv_poll_t uv;
	int fd; /* our own descriptor of what is watched */
	LoopIoCallback callback;
	void *arg;
	int events;
};

struct LoopLookup
{
	uv_getaddrinfo_t uv;
	LoopLookupCallback callback; /* NULL = nobody wants to know any more */
	void *arg;
};

typedef struct LoopSignal
{
	uv_signal_t uv;
	LoopCallback callback;
	void *arg;
} LoopSignal;

static uv_loop_t loop;
static int lookups; /* that threads are at */
static uv_prepare_t tick;
static LoopCallback tick_callback;
static void *tick_arg;
static LoopSignal signals[MAX_SIGNALS];
static int nsignals;

/* The iteration is over: do what its callbacks have marked. */
static void
on_prepare(uv_prepare_t *handle)
{
	(void) handle;
	if (tick_callback != NULL)
		tick_callback(tick_arg);
}

void
loop_init(void)
{
	uv_loop_init(&loop);
	uv_prepare_init(&loop, &tick);
	uv_prepare_start(&tick, on_prepare);
}

void
loop_run(void)
{
	uv_run(&loop, UV_RUN_DEFAULT);
}

void
loop_stop(void)
{
	uv_stop(&loop);
}

static void on_signal(uv_signal_t *handle, int number);

/*
 * Closes a handle of this file.  Those of libwebsockets, which closes them a turn
 * or more after it was told to end, would be started again when already closing.
 */
static void
close_ours(uv_handle_t *handle, void *arg)
{
	bool ours =
		handle == (uv_handle_t *) &tick ||
		(handle->type == UV_SIGNAL && ((uv_signal_t *) handle)->signal_cb == on_signal);

	(void) arg;
	if (ours && !uv_is_closing(handle))
		uv_close(handle, NULL);
}

void
loop_free(void)
{
	uv_walk(&loop, close_ours, NULL);
	for (int turns = 0; turns < CLOSING_TURNS && uv_loop_alive(&loop); turns++)
		uv_run(&loop, UV_RUN_NOWAIT);
	if (uv_loop_close(&loop) != 0)
		log_debug("the event loop still has handles", "");
}

void *
loop_handle(void)
{
	return &loop;
}

void
loop_on_tick(LoopCallback callback, void *arg)
{
	tick_callback = callback;
	tick_arg = arg;
}

/* A signal, delivered as a callback of the loop. */
static void
on_signal(uv_signal_t *handle, int number)
{
	LoopSignal *signal = handle->data;

	(void) number;
	signal->callback(signal->arg);
}

void
loop_on_signal(int number, LoopCallback callback, void *arg)
{
	LoopSignal *signal;

	if (nsignals == MAX_SIGNALS)
		abort();
	signal = &signals[nsignals++];
	signal->callback = callback;
	signal->arg = arg;
	signal->uv.data = signal;
	uv_signal_init(&loop, &signal->uv);
	uv_signal_start(&signal->uv, on_signal, number);
}

/* A timer fired. */
static void
on_timer(uv_timer_t *handle)
{
	LoopTimer *timer = handle->data;

	timer->callback(timer->arg);
}

LoopTimer *
loop_timer_new(LoopCallback callback, void *arg)
{
	LoopTimer *timer = mem_zalloc(sizeof(LoopTimer));

	timer->callback = callback;
	timer->arg = arg;
	timer->uv.data = timer;
	uv_timer_init(&loop, &timer->uv);
	return timer;
}

void
loop_timer_start(LoopTimer *timer, int64_t after_ms, int64_t every_ms)
{
	uv_update_time(&loop);
	uv_timer_start(&timer->uv, on_timer, (uint64_t) after_ms, (uint64_t) every_ms);
}

void
loop_timer_stop(LoopTimer *timer)
{
	uv_timer_stop(&timer->uv);
}

bool
loop_timer_is_active(const LoopTimer *timer)
{
	return uv_is_active((const uv_handle_t *) &timer->uv) != 0;
}

/* libuv is done with a handle: free what it was part of. */
static void
free_handle(uv_handle_t *handle)
{
	free(handle->data);
}

void
loop_timer_free(LoopTimer *timer)
{
	if (timer != NULL)
		uv_close((uv_handle_t *) &timer->uv, free_handle);
}

/* A descriptor is ready. */
static void
on_poll(uv_poll_t *handle, int status, int events)
{
	LoopPoll *poll = handle->data;
	int seen = 0;

	if (events & UV_READABLE)
		seen |= LOOP_READ;
	if (events & UV_WRITABLE)
		seen |= LOOP_WRITE;
	if (status < 0)
	{
		/*
		 * libuv has stopped watching.  The owner is to find the error, which may be
		 * behind what can still be read: it must be called again until it has.
		 */
		int wanted = poll->events;

		seen = LOOP_READ | LOOP_WRITE;
		poll->events = 0;
		loop_poll_set(poll, wanted);
	}
	poll->callback(poll->arg, seen);
}

LoopPoll *
loop_poll_new(int fd, LoopIoCallback callback, void *arg)
{
	LoopPoll *poll = mem_zalloc(sizeof(LoopPoll));
	int error;

	/*
	 * libpq closes its socket when it likes, and the next one accepted gets the same
	 * number. To watch that as well would fail, inside libwebsockets and unchecked.
	 */
	poll->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	error = poll->fd < 0 ? uv_translate_sys_error(errno)
						 : uv_poll_init(&loop, &poll->uv, poll->fd);
	if (error != 0)
	{
		log_error("cannot watch a file descriptor", "error=%s", uv_err_name(error));
		if (poll->fd >= 0)
			close(poll->fd);
		free(poll);
		return NULL;
	}
	poll->callback = callback;
	poll->arg = arg;
	poll->uv.data = poll;
	return poll;
}

void
loop_poll_set(LoopPoll *poll, int events)
{
	int uv_events = 0;

	if (poll->events == events)
		return;
	poll->events = events;
	if (events & LOOP_READ)
		uv_events |= UV_READABLE;
	if (events & LOOP_WRITE)
		uv_events |= UV_WRITABLE;
	if (uv_events == 0)
		uv_poll_stop(&poll->uv);
	else
		uv_poll_start(&poll->uv, uv_events, on_poll);
}

void
loop_poll_free(LoopPoll *poll)
{
	if (poll == NULL)
		return;
	uv_poll_stop(&poll->uv);
	close(poll->fd);
	uv_close((uv_handle_t *) &poll->uv, free_handle);
}

/* A thread of libuv's is done. */
static void
on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	LoopLookup *lookup = request->data;

	lookups--;
	if (lookup->callback != NULL)
		lookup->callback(lookup->arg, list, status == 0 ? NULL : uv_strerror(status));
	uv_freeaddrinfo(list);
	free(lookup);
}

LoopLookup *
loop_lookup(const char *host, LoopLookupCallback callback, void *arg)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	LoopLookup *lookup = mem_zalloc(sizeof(LoopLookup));

	lookup->callback = callback;
	lookup->arg = arg;
	lookup->uv.data = lookup;
	if (uv_getaddrinfo(&loop, &lookup->uv, on_looked_up, host, NULL, &hints) == 0)
	{
		lookups++;
		return lookup;
	}
	free(lookup);
	return NULL;
}

bool
loop_looks_up(void)
{
	return lookups > 0;
}

void
loop_lookup_forget(LoopLookup *lookup)
{
	if (lookup == NULL)
		return;
	lookup->callback = NULL;
	uv_cancel((uv_req_t *) &lookup->uv); /* if no thread has begun */
}
