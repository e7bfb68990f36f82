/*
 * test_loop.c: unit tests of the event loop (layer 3), with libuv.
 */
#include "loop.h"
#include "tap.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* a reader that takes a little at a time, as libpq does */
typedef struct Reader
{
	int fd;
	LoopPoll *poll;
	int bytes;
	bool ended;
} Reader;

static void
on_io(void *arg, int events)
{
	Reader *reader = arg;
	char bytes[4];
	ssize_t n;

	if (!(events & LOOP_READ))
		return;
	loop_poll_set(reader->poll, LOOP_READ);
	n = read(reader->fd, bytes, sizeof(bytes));
	if (n > 0)
		reader->bytes += (int) n;
	else if (n == 0 || errno != EAGAIN)
	{
		reader->ended = true;
		loop_stop();
	}
}

static void
on_timeout(void *arg)
{
	(void) arg;
	loop_stop();
}

/*
 * A server that is killed with a query unread and an answer under way: the socket
 * has data, an error and an end all at once, and the end must not be missed.
 */
static void
test_end_behind_error(void)
{
	int pair[2];
	Reader reader = {0};
	LoopTimer *timeout;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
	{
		ok(false, "socketpair");
		return;
	}
	loop_init();
	reader.fd = pair[0];
	reader.poll = loop_poll_new(pair[0], on_io, &reader);
	loop_poll_set(reader.poll, LOOP_READ);
	ok(write(pair[0], "query", 5) == 5 && write(pair[1], "last words", 10) == 10,
	   "both sides have sent something");
	close(pair[1]);
	timeout = loop_timer_new(on_timeout, NULL);
	loop_timer_start(timeout, 5000, 0);
	loop_run();
	ok(reader.bytes == 10, "what was sent is read");
	ok(reader.ended, "and then the end is seen");
	loop_timer_free(timeout);
	loop_poll_free(reader.poll);
	close(pair[0]);
	loop_free();
}

/*
 * libpq may close its socket before we know; a client that is accepted then gets the
 * same number, and both are watched for a while.
 */
static void
test_number_used_again(void)
{
	int first[2];
	int second[2];
	LoopPoll *one;
	LoopPoll *two;

	loop_init();
	ok(pipe(first) == 0, "a first descriptor");
	one = loop_poll_new(first[0], on_io, NULL);
	loop_poll_set(one, LOOP_READ);
	close(first[0]);
	ok(pipe(second) == 0 && second[0] == first[0], "another with the same number");
	two = loop_poll_new(second[0], on_io, NULL);
	ok(two != NULL, "it can be watched while the first still is");
	loop_poll_free(one);
	loop_poll_free(two);
	close(first[1]);
	close(second[0]);
	close(second[1]);
	loop_free();
}

int
main(void)
{
	test_number_used_again();
	test_end_behind_error();
	return tap_done();
}
