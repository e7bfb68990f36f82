/*
 * conn.h: one client's connection, from its first byte to its last (layer 2).
 *
 * Knows nothing of sockets or of the database: bytes leave through the table's
 * ConnOps, and the layers above hang subscriptions and requests on it. What must
 * stay true:
 *  - conn_set_state() is the only place that changes a state; illegal moves abort.
 *  - Nothing frees a connection but conn_table_reap(), at the end of a tick:
 *    conn_doom() only marks it, so every caller up the stack may still look at it.
 *  - After conn_close() or conn_doom() a connection takes no more frames.
 */
#ifndef WRK_CONN_H
#define WRK_CONN_H

#include "address.h"
#include "buf.h"
#include "config.h"
#include "limits.h"
#include "list.h"
#include "outbox.h"
#include "ratelimit.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum ConnState
{
	CONN_HEAD,           /* reading the request head */
	CONN_HTTP,           /* an HTTP answer is on its way, then the end or the next head */
	CONN_OPEN,           /* upgraded, nobody yet */
	CONN_AUTHENTICATING, /* its token is at the database */
	CONN_READY,          /* somebody: may subscribe and call */
	CONN_CLOSING,        /* our close frame is queued; waits for the peer's */
	CONN_DEAD,           /* in the doomed list */
} ConnState;

typedef struct Conn Conn;
typedef struct ConnTable ConnTable;
struct Recheck; /* recheck.c */
struct Place;   /* resume.c */

/* What a connection waits for: until then nothing is handed out to it. */
typedef enum ConnWait
{
	WAITS_FOR_RECHECK = 1, /* what it may is being asked again */
	WAITS_FOR_TOKEN = 2,   /* its own has expired */
} ConnWait;

/* What the layers above do for a connection. */
typedef struct ConnOps
{
	void (*write)(Conn *conn); /* send what the outbox has, as far as it goes */
	void (*kill)(Conn *conn);  /* end the socket now; leaves conn->socket NULL */
	void (*gone)(Conn *conn);  /* it will be freed: drop what hangs on it */
	/* bytes that the kernel has not got rid of; changes while the client takes any */
	int64_t (*unsent)(const Conn *conn);
	/* to a client with an exchange: what it is answered, or told at the end */
	void (*replied)(Conn *conn, const Buf *json);
} ConnOps;

/*
 * One of these for each accepted socket; owned by the table. What handing out touches
 * stands first: with thousands of connections each line of the cache counts.
 */
struct Conn
{
	ListNode in_dirty; /* has something new to write this tick */
	ListNode in_got;   /* got events of the fetch that is being handed out */
	ConnTable *table;
	void *socket; /* the transport's; NULL once it is gone */
	Outbox out;
	ConnState state;
	uint8_t framing;       /* a Framing: what kind of client this is */
	uint8_t level;         /* as last told, see flow.h */
	bool blocked;          /* the socket is full; the transport will call back */
	bool news;             /* LIST: there is something that a poll waits for */
	bool lagging;          /* its stream was broken and that is not out yet */
	bool speaks;           /* has a word in what pieces.c is handing out */
	bool keep_alive;       /* CONN_HTTP: another request may follow the answer */
	bool peer_closed;      /* its close frame came: end when ours is out */
	uint32_t npending;     /* subscriptions that await a replay, or were told of a gap */
	int64_t position_at;   /* last position frame sent */
	uint64_t position_seq; /* and which one it was */
	struct Exchange *exchange; /* NULL for a WebSocket; see exchange.h */

	ListNode in_table;
	ListNode in_doomed;
	Buf in;                  /* incomplete input; owns memory only while there is some */
	Buf message;             /* fragments of a message so far */
	bool fragment_deflated;  /* its message is compressed */
	uint8_t fragment_opcode; /* of the message being collected, 0 = none */
	uint8_t pings;           /* sent since the client was last heard */
	bool warned;             /* token_expiring was sent */
	bool internal;           /* came by metrics_listen: pages only */
	uint8_t waits;           /* ConnWait bits */
	bool abandoned;          /* it takes nothing: its socket ends with a reset */
	uint16_t close_code;     /* it ended with, 0 = without a word */

	struct HttpRequest *request; /* whose body is still to come; owned */

	/* who it is: one allocation that `tenant` points to; NULL = nobody yet */
	char *tenant;
	char *user; /* may be "" */
	char *sid;  /* the token's session as control events name it; may be "" */
	char *token;
	int64_t mask;       /* audience bits of its roles */
	int64_t expires_at; /* wall ms, 0 = never */

	uint64_t access_seq;     /* last news that its requests may not know of */
	int64_t rechecked_at;    /* monotonic ms: its rights were asked for last */
	int64_t active_at;       /* its client did something last */
	struct Recheck *recheck; /* owned by recheck.c; NULL: none under way */
	struct Place *place;     /* owned by resume.c; NULL: nobody yet */

	List subs; /* of Sub, see hub.h */
	uint32_t nsubs;
	uint32_t nrequests;
	List requests;   /* of Pending, see session.c */
	List voices;     /* of Voice, see ephemeral.c */
	List deliveries; /* of Call, see delivery.c */
	struct Receipts *receipts;
	ListNode in_delivery; /* has something to acknowledge, or that was */
	List places;          /* of PresencePlace: where its user is present */

	int64_t since;       /* monotonic ms: start of the state that has a deadline */
	int64_t heard_at;    /* last byte received */
	int64_t moved_at;    /* its full socket, or a stream's, took something last */
	int64_t unsent;      /* what the kernel had for it then */
	uint64_t held_bytes; /* of all subscriptions, see hub.h */
	Bucket rate;
	Bucket patience;
	Seat seat; /* its place in the counters of user, tenant and address */
	char peer[ADDRESS_TEXT_MAX];    /* of the socket; "" = not known */
	char address[ADDRESS_TEXT_MAX]; /* see conn_address() */
};

/* One of these for the process. */
struct ConnTable
{
	List all;
	List dirty;
	List doomed;
	int64_t count;
	const Config *config;
	OutboxLimits limits;
	Limits quotas;
	ConnOps ops;
	void (*leaves)(
		Conn *conn); /* answered, closes or is dead: nobody is there; or NULL */
};

extern void conn_table_init(ConnTable *table, const Config *config, const ConnOps *ops);
extern void conn_table_free(ConnTable *table);

/* The configuration has changed. */
extern void conn_table_configure(ConnTable *table);

/* Writes what became ready in this tick. */
extern void conn_table_flush(ConnTable *table);

/* Ends and frees the doomed. Call from the loop, never from below a callback. */
extern void conn_table_reap(ConnTable *table);

extern Conn *conn_create(ConnTable *table, void *socket);

/*
 * The answer to an HTTP request is out: a new connection for the next one on the same
 * socket. What belongs to the socket moves over, nothing of who it was; the old one
 * is doomed.
 */
extern Conn *conn_succeed(Conn *conn);

extern void conn_set_state(Conn *conn, ConnState state);

/* Does it take frames? */
extern bool conn_is_open(const Conn *conn);

/* Has it frames of its own, or does a stream or an answer carry them? */
extern bool conn_is_websocket(const Conn *conn);

/* Who it is from now on; copies everything. */
extern void conn_set_identity(Conn *conn, const char *tenant, const char *user,
							  const char *sid);
extern void conn_set_token(Conn *conn, const char *token);

/*
 * The client's network address as text, "" while it is not known: the peer's, and
 * once the request head was read, behind trusted_proxies whom they say.
 */
extern const char *conn_address(const Conn *conn);

/* It is looked at when the tick ends, as if there were something to write. */
extern void conn_touch(Conn *conn);

/*
 * Queues a chunk (takes its own reference); false when it is for a channel's stream and
 * there is no room. conn_push() makes room then, see flow.h: for what is no channel's.
 */
extern bool conn_offer(Conn *conn, Chunk *chunk);
extern void conn_push(Conn *conn, Chunk *chunk);

/* Queues one JSON text as a frame of the connection's own. */
extern void conn_send(Conn *conn, const Buf *json);

/* The same with events in it; takes over the reference on their receipt, if any. */
extern void conn_send_events(Conn *conn, const Buf *json, Receipt *receipt);

/* Queues a frame of the server's own: no answer to anything, and never dropped. */
extern void conn_tell(Conn *conn, const Buf *json);

/* Queues bytes as they are: an HTTP answer, a pong. */
extern void conn_send_raw(Conn *conn, const Buf *bytes);

/* The same with bytes that others are sent as well; takes its own reference. */
extern void conn_send_shared(Conn *conn, Chunk *chunk);

/*
 * Says bye, sends a close frame and lets the peer answer it until the deadline.
 * What was queued is dropped: the client resumes from its position.
 */
extern void conn_close(Conn *conn, int code, const char *reason);

/* The same, after sending what is queued: for an answer that explains the end. */
extern void conn_close_after_flush(Conn *conn, int code, const char *reason);

/* The same, and not to come back for so long. */
extern void conn_close_for(Conn *conn, int code, const char *reason, int64_t retry_ms);

/* The peer's close frame came: answer it and end when that is out. */
extern void conn_peer_closed(Conn *conn, int code);

/* The socket is gone or must go: free at the end of the tick. */
extern void conn_doom(Conn *conn);

/* Milliseconds that a closing connection gets. */
#define CONN_CLOSE_DEADLINE 3000

#endif
