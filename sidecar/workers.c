/*
 * workers.c: see workers.h.
 *
 * The parent has no event loop: it waits for a signal or a fifth of a second,
 * whichever is first, and then looks at everybody.
 */
#include "workers.h"

#include "board.h"
#include "clock.h"
#include "listener.h"
#include "log.h"
#include "mem.h"
#include "notify.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TURN_NS (200 * 1000000L)
#define KILL_SLACK_MS 5000 /* past drain_timeout */

/* One of these for each worker; owned by workers_run(). */
typedef struct Worker
{
	pid_t pid; /* 0 while there is none */
	int64_t started_at;
	int64_t start_after; /* when there is none: not before */
	int failures;        /* in a row */
} Worker;

typedef struct Parent
{
	const Config *config;
	Worker *workers;
	int count;
	int64_t draining_since; /* 0 = is not */
	int64_t watched_at;     /* when systemd was last told that all is well */
	bool told_ready;
	int status;
	sigset_t before; /* signals that were blocked when we came */
} Parent;

/* Sends a signal to all workers. */
static void
signal_all(const Parent *parent, int number)
{
	for (int i = 0; i < parent->count; i++)
	{
		if (parent->workers[i].pid > 0)
			kill(parent->workers[i].pid, number);
	}
}

/* In the child: nothing of the parent is left, and it goes when the parent does. */
static void
become_worker(const Parent *parent, int number, pid_t expected_parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != expected_parent)
		_exit(0);
	sigprocmask(SIG_SETMASK, &parent->before, NULL);
	notify_off();
	log_set_worker(number);
	board_take(number);
	board_publish(WORKER_STARTING);
}

/* True in the child. */
static bool
start_worker(const Parent *parent, int number)
{
	Worker *worker = &parent->workers[number - 1];
	pid_t self = getpid();
	pid_t pid = fork();

	if (pid == 0)
	{
		become_worker(parent, number, self);
		return true;
	}
	worker->started_at = clock_now_ms();
	if (pid > 0)
	{
		worker->pid = pid;
		log_info("worker started", "number=%d process=%d", number, (int) pid);
		return false;
	}
	log_error("cannot start a worker", "number=%d errno=%d", number, errno);
	worker->start_after = worker->started_at + WORKER_WAIT_MAX;
	return false;
}

/* How long to wait before a worker that has just ended is started again. */
static int64_t
wait_for(Worker *worker)
{
	int64_t wait = WORKER_WAIT_MIN;

	if (clock_now_ms() - worker->started_at >= WORKER_SETTLED_MS)
		worker->failures = 0;
	for (int i = 0; i < worker->failures && wait < WORKER_WAIT_MAX; i++)
		wait *= 2;
	worker->failures++;
	return wait < WORKER_WAIT_MAX ? wait : WORKER_WAIT_MAX;
}

/* A worker has ended, in whatever way. */
static void
worker_ended(Parent *parent, int number, int status)
{
	Worker *worker = &parent->workers[number - 1];
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	int64_t wait = parent->draining_since ? 0 : wait_for(worker);

	log_line(parent->draining_since && well ? LOG_INFO : LOG_ERROR, "worker ended",
			 "number=%d process=%d signal=%d status=%d wait_ms=%d", number,
			 (int) worker->pid, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
			 WIFEXITED(status) ? WEXITSTATUS(status) : 0, (int) wait);
	board_retire(number);
	worker->pid = 0;
	worker->start_after = clock_now_ms() + wait;
	if (parent->draining_since && !well)
		parent->status = 1;
}

/* Takes note of all that have ended. */
static void
collect(Parent *parent)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
	{
		for (int i = 0; i < parent->count; i++)
		{
			if (parent->workers[i].pid == pid)
				worker_ended(parent, i + 1, status);
		}
	}
}

/* Ends a worker whose loop stands still; the rest goes as with any that died. */
static void
check_hanging(const Parent *parent, int number)
{
	const Worker *worker = &parent->workers[number - 1];
	int64_t silence = board_silence(number);
	int64_t age = clock_now_ms() - worker->started_at;

	if (silence > age)
		silence = age; /* it has said nothing yet */
	if (silence < parent->config->worker_timeout)
		return;
	log_error("worker hangs and is ended", "number=%d process=%d silent_ms=%d", number,
			  (int) worker->pid, (int) silence);
	kill(worker->pid, SIGKILL);
}

/* Starts who is due, ends who hangs. Returns the worker's number in a child. */
static int
look_after(Parent *parent)
{
	for (int i = 0; i < parent->count; i++)
	{
		const Worker *worker = &parent->workers[i];

		if (worker->pid > 0)
		{
			if (!parent->draining_since)
				check_hanging(parent, i + 1);
		}
		else if (!parent->draining_since && clock_now_ms() >= worker->start_after &&
				 start_worker(parent, i + 1))
			return i + 1;
	}
	return 0;
}

/* Ready once all listen; alive as long as we get here. */
static void
tell_systemd(Parent *parent)
{
	int64_t every = notify_watchdog_ms();
	int64_t now = clock_now_ms();

	if (!parent->told_ready &&
		board_count(WORKER_WAITING) + board_count(WORKER_READY) == parent->count)
	{
		parent->told_ready = true;
		notify("READY=1");
	}
	if (every > 0 && now - parent->watched_at >= every)
	{
		parent->watched_at = now;
		notify("WATCHDOG=1");
	}
}

/* SIGTERM or SIGINT; the workers know what a second one means. */
static void
begin_to_end(Parent *parent)
{
	if (parent->draining_since == 0)
	{
		parent->draining_since = clock_now_ms();
		notify("STOPPING=1");
	}
	signal_all(parent, SIGTERM);
}

/* New settings for the workers that will be started, and for those that are there. */
static void
hand_on_hangup(const Parent *parent, void (*reload)(void))
{
	notify_reloading();
	reload();
	signal_all(parent, SIGHUP);
	notify("READY=1");
}

/* Is there anybody left? Who does not end in time is made to. */
static bool
all_over(const Parent *parent)
{
	bool over = parent->draining_since != 0;

	for (int i = 0; i < parent->count; i++)
		over = over && parent->workers[i].pid == 0;
	if (!over && parent->draining_since != 0 &&
		clock_now_ms() - parent->draining_since >
			parent->config->drain_timeout + KILL_SLACK_MS)
		signal_all(parent, SIGKILL);
	return over;
}

/* Blocks what we wait for. */
static sigset_t
block_signals(sigset_t *before)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGCHLD);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	sigprocmask(SIG_BLOCK, &ours, before);
	return ours;
}

/* Until all are over; or in a child, at once. */
static int
supervise(Parent *parent, const sigset_t *ours, void (*reload)(void))
{
	static const struct timespec turn = {0, TURN_NS};

	while (!all_over(parent))
	{
		int number = look_after(parent);
		int received;

		if (number > 0)
			return number;
		tell_systemd(parent);
		received = sigtimedwait(ours, NULL, &turn);
		if (received == SIGTERM || received == SIGINT)
			begin_to_end(parent);
		else if (received == SIGHUP)
			hand_on_hangup(parent, reload);
		collect(parent);
	}
	return 0;
}

int
workers_run(Config *config, void (*reload)(void), int *status)
{
	Parent parent = {.config = config, .count = (int) config->workers};
	int held = listener_hold_port(config);
	sigset_t ours;
	int number;

	*status = 1;
	if (held < 0)
		return 0;
	parent.workers = mem_zalloc((size_t) parent.count * sizeof(Worker));
	board_make(parent.count);
	ours = block_signals(&parent.before);
	number = supervise(&parent, &ours, reload);
	free(parent.workers);
	close(held);
	*status = parent.status;
	return number;
}
