/*
 * wsconn.h
 *	  One connection of the load client: handshake, then counting frames.
 *
 * After the handshake a connection only receives.  Every frame's header is
 * walked and every event frame counted by the first bytes of its payload; the
 * rest is skipped unread.  A sampled connection reads all of it, to check the
 * event numbers and take the latency.
 */
#ifndef BENCH_WSCONN_H
#define BENCH_WSCONN_H

#include "tally.h"

#include <netinet/in.h>

typedef enum ConnState
{
	CONN_UNUSED,         /* not opened yet */
	CONN_CONNECTING,     /* waiting for TCP */
	CONN_UPGRADING,      /* waiting for HTTP 101 */
	CONN_AUTHENTICATING, /* waiting for "connected" */
	CONN_SUBSCRIBING,    /* waiting for "subscribed" */
	CONN_LIVE,           /* receiving */
	CONN_CLOSED,         /* the server, or we, closed it */
	CONN_STATES
} ConnState;

/* One per program: what all connections share. */
typedef struct Load
{
	struct sockaddr_in server;
	char host[64];          /* for the Host header */
	const char *path;       /* of the upgrade request */
	const char *event_head; /* an event frame begins so: {"type":"bench. */
	size_t event_head_length;
	int epoll_fd;
	uint32_t in_state[CONN_STATES];
	char last_close[160]; /* why the server closed a connection last */
	Tally tally;
} Load;

/* One per connection.  Owns its socket, carry and seen; freed by conn_free(). */
typedef struct Conn
{
	Load *load;
	int fd;
	ConnState state;
	uint32_t index;
	uint32_t channel;         /* index of its channel */
	bool freed;               /* we let go of it ourselves */
	bool sampled;             /* checks every event number */
	const char *token;        /* borrowed */
	const char *channel_name; /* borrowed; NULL = no subscription */
	uint64_t frames;          /* event frames of this step */
	uint64_t skip;            /* bytes of a counted frame still to come */
	uint8_t *carry;           /* beginning of a frame that is not complete */
	size_t carry_length;
	size_t carry_size;
	Seen seen;
} Conn;

extern void conn_open(Conn *conn);
extern void conn_ready(Conn *conn, uint32_t epoll_events);
extern void conn_close(Conn *conn, const char *why);
extern void conn_free(Conn *conn);

/* It may be opened again after conn_free(). */
extern void conn_renew(Conn *conn);

#endif /* BENCH_WSCONN_H */
