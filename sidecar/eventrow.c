/*
 * eventrow.c: see eventrow.h.
 */
#include "eventrow.h"

#include "clock.h"

#include <stdlib.h>

/* The class of an event from its first letter. */
static FrameClass
class_from_text(const char *text)
{
	if (text == NULL)
		return CLASS_CRITICAL;
	return *text == 'e' ? CLASS_EPHEMERAL : *text == 's' ? CLASS_STATE : CLASS_CRITICAL;
}

int64_t
row_age_ms(const PgAnswer *answer, int row)
{
	const char *created = pg_value(answer, row, 8);

	return created ? clock_wall_ms() - strtoll(created, NULL, 10) : 0;
}

void
row_to_event(const PgAnswer *answer, int row, Event *event)
{
	const char *mask = pg_value(answer, row, 5);

	*event = (Event){
		.id = pg_value(answer, row, 0),
		.type = pg_value(answer, row, 2),
		.payload = pg_value(answer, row, 3),
		.payload_len = pg_length(answer, row, 3),
		.sender_id = pg_value(answer, row, 4),
		.has_mask = mask != NULL,
		.mask = mask ? strtoll(mask, NULL, 10) : 0,
		.frame_class = class_from_text(pg_value(answer, row, 7)),
		.timestamp = pg_value(answer, row, 8),
		.state_key = pg_value(answer, row, 9),
		.key = pg_value(answer, row, 10),
	};
	if (event->payload == NULL)
	{
		event->payload = "null";
		event->payload_len = 4;
	}
	if (event->timestamp == NULL)
		event->timestamp = "0";
	/* state without a key has nothing to replace */
	if (event->frame_class == CLASS_STATE && event->state_key == NULL)
		event->frame_class = CLASS_CRITICAL;
}
