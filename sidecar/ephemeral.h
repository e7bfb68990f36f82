/*
 * ephemeral.h: typing, cursors, selections: what is worth nothing a moment later (layer
 * 2).
 *
 * What somebody says in a channel replaces what they last said of the same kind, as
 * long as that was not handed out: a Voice is one user's last word of a kind in one
 * channel. The first word of a quiet channel goes out at once, the next ones together,
 * EPHEMERAL_INTERVAL_MS later. What must stay true:
 *  - whoever listens gets at most 20 frames a second of each voice, the last of them
 *    being what was said last;
 *  - who said it does not hear it; the user's other connections do;
 *  - somebody who types stops: after typing_ms without a word, with the connection, or
 *    when nothing more is heard of the gateway that said so;
 *  - nothing is stored, and nothing is said for a connection that left the channel, but
 *    for a request over HTTP, which leaves as soon as it has spoken.
 *
 * Queue: words that wait for their channel's turn. Bound: EPHEMERAL_ROOM_MAX bytes a
 * channel, one word for each voice. Overflow: a word is replaced by the next of its
 * voice, that of a new one dropped. Counters: stats.ephemeral_replaced_total,
 * stats.ephemeral_refused_total.
 */
#ifndef WRK_EPHEMERAL_H
#define WRK_EPHEMERAL_H

#include "hub.h"
#include "word.h"

#define EPHEMERAL_INTERVAL_MS 50
#define EPHEMERAL_ROOM_MAX (256 * 1024)
#define EPHEMERAL_LATE_MS 2000 /* more than typing_ms, for what another gateway says */

typedef struct Ephemeral
{
	Hub *hub;
	StrMap rooms;     /* by channel */
	StrMap voices;    /* by channel, user and kind */
	List active;      /* of Room, all of them */
	List to_tell;     /* of Voice: other gateways have not heard the last word */
	List typing;      /* of Voice, those of this gateway, soonest to end first */
	List typing_away; /* of Voice, likewise, of other gateways */
	uint32_t ntell;   /* in to_tell */
	bool has_others;  /* is there anybody to tell? Kept by the owner */
	int64_t typing_ms;
} Ephemeral;

extern void ephemeral_init(Ephemeral *ephemeral, Hub *hub, int64_t typing_ms);
extern void ephemeral_free(Ephemeral *ephemeral);

/*
 * Somebody says something: a connection, or NULL for what another gateway tells. False
 * when the channel has too much to say already.
 */
extern bool ephemeral_say(Ephemeral *ephemeral, const Word *word, Conn *conn,
						  int64_t now_ms);

/*
 * The connection is not in this channel any more, or with NULL in none: what it said
 * and nobody heard is not said, and it does not type any more. Run afterwards.
 */
extern void ephemeral_leave(Ephemeral *ephemeral, Conn *conn, const char *channel);

/*
 * The connection was a request that is over: what it said in this channel is still said,
 * and who types does so until they stop or are not heard of.
 */
extern void ephemeral_let_go(Ephemeral *ephemeral, Conn *conn, const char *channel);

/*
 * Does what is due. Returns the ms until something is due again, -1 for nothing.
 */
extern int64_t ephemeral_run(Ephemeral *ephemeral, int64_t now_ms);

/* Takes what other gateways are to hear, until tell() refuses one. */
extern void ephemeral_tell(Ephemeral *ephemeral,
						   bool (*tell)(void *arg, const Word *word), void *arg);

#endif
