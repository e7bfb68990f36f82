/*
 * deferred.c: see deferred.h.
 */
#include "deferred.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

void
deferred_init(Deferred *deferred)
{
	*deferred = (Deferred){0};
	list_init(&deferred->frames);
}

void
deferred_free(Deferred *deferred)
{
	DeferredFrame *frame;

	while ((frame = deferred_next(deferred)) != NULL)
		free(frame);
}

bool
deferred_add(Deferred *deferred, const Config *config, const char *text, size_t len)
{
	DeferredFrame *frame;

	if (deferred->count >= config->requests_max ||
		deferred->bytes + len > (size_t) config->frame_max)
		return false;
	frame = mem_alloc(sizeof(DeferredFrame) + len);
	list_init(&frame->node);
	frame->len = len;
	memcpy(frame->text, text, len);
	list_push_tail(&deferred->frames, &frame->node);
	deferred->count++;
	deferred->bytes += len;
	return true;
}

DeferredFrame *
deferred_next(Deferred *deferred)
{
	ListNode *node = list_pop_head(&deferred->frames);
	DeferredFrame *frame;

	if (node == NULL)
		return NULL;
	frame = list_entry(node, DeferredFrame, node);
	deferred->count--;
	deferred->bytes -= frame->len;
	return frame;
}

void
deferred_move(Deferred *to, Deferred *from)
{
	DeferredFrame *frame;

	deferred_init(to);
	while ((frame = deferred_next(from)) != NULL)
	{
		list_push_tail(&to->frames, &frame->node);
		to->count++;
		to->bytes += frame->len;
	}
}
