/*
 * gateway.h: what the parts of layer 3 share (layer 3).
 *
 * One Gateway for the process; main.c owns it and wires it together.
 */
#ifndef WRK_GATEWAY_H
#define WRK_GATEWAY_H

#include "config.h"
#include "conn.h"
#include "fanout.h"
#include "hub.h"
#include "pgpool.h"

struct Attendance;
struct Bus;
struct Delivery;
struct Feed;
struct Listener;
struct Publisher;

typedef struct Gateway
{
	Config config;
	ConnTable table;
	Hub hub;
	Fanout fanout;
	PgPool *pool;
	struct Feed *feed;
	struct Listener *listener; /* NULL while draining */
	struct Listener *metrics;  /* NULL without metrics_listen */
	struct Bus *bus;
	struct Delivery *delivery;
	struct Publisher *publisher;
	uint64_t access_seq; /* how often there was news of access, see recheck.h */
	struct Attendance *attendance;
	bool database_up; /* as last told to the clients */
	bool draining;
} Gateway;

/* Statements of the pooled connections, indexes into pool_statements. */
enum
{
	STMT_OPEN,
	STMT_SUBSCRIBE,
	STMT_REPLAY,
	STMT_CALL,
	STMT_NOTIFY,
	STMT_REFUSED,
	STMT_BUS,
	STMT_RECHECK,
	STMT_PRESENCE,
	STMT_PRESENT
};

extern const PgStatement pool_statements[];

/* Tells the clients when the database came or went. */
extern void gateway_check_database(Gateway *gateway);

#endif
