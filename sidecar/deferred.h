/*
 * deferred.h: what a suspended client sends, kept in order (layer 1).
 *
 * Bound: requests_max frames and frame_max bytes in all; past it: `unavailable`.
 */
#ifndef WRK_DEFERRED_H
#define WRK_DEFERRED_H

#include "config.h"
#include "list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One of these for each connection that is asked about. */
typedef struct Deferred
{
	List frames;
	size_t bytes;
	uint32_t count;
} Deferred;

/* One of these for each frame; owned by its list until it is taken off. */
typedef struct DeferredFrame
{
	ListNode node;
	size_t len;
	char text[];
} DeferredFrame;

extern void deferred_init(Deferred *deferred);
extern void deferred_free(Deferred *deferred);

/* Keeps a copy; false when there is too much. */
extern bool deferred_add(Deferred *deferred, const Config *config, const char *text,
						 size_t len);

/* All of them go over; to need not be initialized. */
extern void deferred_move(Deferred *to, Deferred *from);

/* Takes off the first one, the caller's to free; NULL when there is none. */
extern DeferredFrame *deferred_next(Deferred *deferred);

#endif
