/*
 * listener.c: see listener.h.
 */
#include "listener.h"

#include "log.h"
#include "loop.h"
#include "mem.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_PER_WAKE 256
#define EXHAUSTED_PAUSE_MS 200

struct Listener
{
	int fd;
	LoopPoll *poll;
	LoopTimer *pause;
	AcceptCallback accepted;
	void *arg;
};

/* Accepts what waits, a bounded number at a time. */
static void
on_incoming(void *arg, int events)
{
	Listener *listener = arg;

	(void) events;
	for (int i = 0; i < ACCEPTS_PER_WAKE; i++)
	{
		int on = 1;
		int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
		{
			if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
				return;
			/* level-triggered: it would spin until somebody leaves */
			log_warn("cannot accept", "error=\"%s\"", strerror(errno));
			loop_poll_set(listener->poll, 0);
			loop_timer_start(listener->pause, EXHAUSTED_PAUSE_MS, 0);
			return;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (!listener->accepted(listener->arg, fd))
			close(fd);
	}
}

/* Perhaps there are descriptors again. */
static void
on_pause_over(void *arg)
{
	Listener *listener = arg;

	loop_poll_set(listener->poll, LOOP_READ);
}

/* A bound socket, listening or not, or -1 with errno. */
static int
bind_and_listen(const Config *config, const struct addrinfo *address, bool listening)
{
	int on = 1;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (config->reuse_port)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
		(!listening || listen(fd, (int) config->backlog) == 0))
		return fd;
	close(fd);
	return -1;
}

/* The port that was taken when the configured one is 0. */
static int
bound_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *) &address, &size) != 0)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *) &address)->sin6_port);
	return ntohs(((struct sockaddr_in *) &address)->sin_port);
}

/* A bound socket, listening or not, or -1 with the reason logged. */
static int
open_socket(const Config *config, bool listening)
{
	struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST,
							 .ai_socktype = SOCK_STREAM};
	struct addrinfo *address;
	char port[8];
	int fd;
	int error;

	snprintf(port, sizeof(port), "%d", (int) config->port);
	error = getaddrinfo(config->listen, port, &hints, &address);
	if (error != 0)
	{
		log_error("listen is not an IP address", "listen=%s error=\"%s\"", config->listen,
				  gai_strerror(error));
		return -1;
	}
	fd = bind_and_listen(config, address, listening);
	if (fd < 0)
		log_error("cannot listen", "listen=%s port=%s error=\"%s\"", config->listen, port,
				  strerror(errno));
	freeaddrinfo(address);
	return fd;
}

/* Takes the socket over; NULL for none. */
static Listener *
listen_with(int fd, const char *address, AcceptCallback accepted, void *arg)
{
	Listener *listener;

	if (fd < 0)
		return NULL;
	listener = mem_zalloc(sizeof(Listener));
	listener->fd = fd;
	listener->accepted = accepted;
	listener->arg = arg;
	listener->pause = loop_timer_new(on_pause_over, listener);
	listener->poll = loop_poll_new(fd, on_incoming, listener);
	loop_poll_set(listener->poll, LOOP_READ);
	log_info("listening", "address=%s port=%d", address, bound_port(fd));
	return listener;
}

Listener *
listener_open(const Config *config, AcceptCallback accepted, void *arg)
{
	return listen_with(open_socket(config, true), config->listen, accepted, arg);
}

Listener *
listener_open_metrics(const Config *config, AcceptCallback accepted, void *arg)
{
	const char *colon = strrchr(config->metrics_listen, ':');
	Config there = *config; /* borrows the texts */
	Listener *listener = NULL;

	if (colon == NULL)
	{
		log_error("metrics_listen is not address:port", "");
		return NULL;
	}
	/* an IPv6 address stands in brackets */
	there.listen = *config->metrics_listen == '['
					   ? mem_strndup(config->metrics_listen + 1,
									 strcspn(config->metrics_listen, "]") - 1)
					   : mem_strndup(config->metrics_listen,
									 (size_t) (colon - config->metrics_listen));
	there.port = strtol(colon + 1, NULL, 10);
	listener = listen_with(open_socket(&there, true), there.listen, accepted, arg);
	free(there.listen);
	return listener;
}

int
listener_hold_port(Config *config)
{
	int fd;

	config->reuse_port = 1;
	fd = open_socket(config, false);
	if (fd >= 0)
		config->port = bound_port(fd);
	return fd;
}

void
listener_close(Listener *listener)
{
	if (listener == NULL)
		return;
	loop_poll_free(listener->poll);
	loop_timer_free(listener->pause);
	close(listener->fd);
	free(listener);
}
