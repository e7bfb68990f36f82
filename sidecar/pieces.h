/*
 * pieces.h: the ephemeral frames of one channel's turn (layer 2).
 *
 * Whoever listens gets the words of all others in one chunk. It is the same chunk for
 * all who have the same filter and did not speak themselves; a connection that did
 * gets one without its own words. What must stay true: `speaks` of a connection is set
 * while pieces are handed out and never outside of that.
 */
#ifndef WRK_PIECES_H
#define WRK_PIECES_H

#include "hub.h"
#include "word.h"

/* One frame of a turn. */
typedef struct Piece
{
	size_t start;
	size_t len;
	const char *type; /* borrowed */
	Conn *conn;       /* that is not to get it, or NULL */
} Piece;

/* Zeroed = none. */
typedef struct Pieces
{
	Buf bytes;
	Piece *items;
	uint32_t count;
	uint32_t cap;
} Pieces;

/* Lays out what a connection, or NULL for somebody elsewhere, says. */
extern void pieces_add(Pieces *pieces, const Word *word, Conn *conn);

/* To everybody who listens. */
extern void pieces_deliver(const Pieces *pieces, const Channel *channel);
extern void pieces_free(Pieces *pieces);

#endif
