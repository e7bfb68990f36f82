/*
 * fanout.c: see fanout.h.
 */
#include "fanout.h"

#include "clock.h"
#include "mem.h"
#include "stats.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>

#define MAX_AUDIENCES 64
#define MAX_TYPES 64 /* of a run, by which filters are told apart */
#define EVERYBODY (-1)

/* Who may see a restricted event. */
typedef struct Audience
{
	bool has_mask;
	int64_t mask;
	char **users;
	size_t nusers;
} Audience;

/* One frame of a run that has restricted events. */
typedef struct Piece
{
	uint32_t start;
	uint32_t len;
	int audience;   /* index, or EVERYBODY */
	uint32_t ntype; /* index of its type, when somebody has a filter */
	uint32_t
		nmark; /* 1 + index of its mark, 0 when nobody wants to know of its arrival */
} Piece;

/* What acknowledging a piece says. */
typedef struct Mark
{
	const char *method; /* of the rules, which do not change within a page */
	char *id;
	char *sender;
} Mark;

/* The run as those see it who belong to this set of audiences and have this filter. */
typedef struct Variant
{
	uint64_t audiences; /* bit i = belongs to audience i */
	const TypeFilter *filter;
	uint64_t types; /* bit i = the filter passes type i */
	Chunk *chunk;   /* NULL = nothing in it for them */
} Variant;

typedef struct Run
{
	FrameClass frame_class;
	char *state_key;
	Buf bytes;
	Piece *pieces;
	uint32_t npieces;
	uint32_t pieces_cap;
	char **types; /* of the pieces, when somebody has a filter */
	uint32_t ntypes;
	Mark *marks; /* of pieces whose arrival somebody wants to know */
	uint32_t nmarks;
	Audience *audiences;
	uint32_t naudiences;
	Variant *variants;
	uint32_t nvariants;
} Run;

struct ChannelBatch
{
	Run *runs;
	uint32_t nruns;
};

void
fanout_init(Fanout *fanout, Hub *hub)
{
	*fanout = (Fanout){.hub = hub};
	list_init(&fanout->got);
}

void
fanout_free(Fanout *fanout)
{
	free(fanout->touched);
	fanout->touched = NULL;
}

/* The channel's batch of this page, made and noted when it is the first event. */
static struct ChannelBatch *
get_batch(Fanout *fanout, Channel *channel)
{
	if (channel->batch != NULL)
		return channel->batch;
	if (fanout->ntouched == fanout->cap)
	{
		fanout->cap = fanout->cap ? fanout->cap * 2 : 64;
		fanout->touched = mem_realloc(fanout->touched, fanout->cap * sizeof(Channel *));
	}
	fanout->touched[fanout->ntouched++] = channel;
	channel->batch = mem_zalloc(sizeof(struct ChannelBatch));
	return channel->batch;
}

/* What a state frame is the state of: the key within its channel. */
static char *
copy_state_key(const Channel *channel, const Event *event)
{
	Buf key = {0};

	if (event->frame_class != CLASS_STATE || event->state_key == NULL)
		return NULL;
	buf_puts(&key, channel->name);
	buf_append(&key, "\n", 1);
	buf_puts(&key, event->state_key);
	buf_cstr(&key);
	return key.data;
}

/* The run this event belongs to: the last one, or a new one. */
static Run *
get_run(struct ChannelBatch *batch, const Channel *channel, const Event *event)
{
	Run *last = batch->nruns ? &batch->runs[batch->nruns - 1] : NULL;

	if (last != NULL && last->frame_class == event->frame_class &&
		event->frame_class != CLASS_STATE && last->naudiences < MAX_AUDIENCES &&
		last->bytes.len + event->payload_len < RUN_BYTES)
		return last;
	batch->runs = mem_realloc(batch->runs, (batch->nruns + 1) * sizeof(Run));
	last = &batch->runs[batch->nruns++];
	*last = (Run){.frame_class = event->frame_class,
				  .state_key = copy_state_key(channel, event)};
	return last;
}

/* Is the event for exactly this audience? */
static bool
audience_equals(const Audience *audience, const Event *event)
{
	if (audience->has_mask != event->has_mask || audience->nusers != event->nusers ||
		(event->has_mask && audience->mask != event->mask))
		return false;
	for (size_t i = 0; i < event->nusers; i++)
	{
		if (strcmp(audience->users[i], event->users[i]) != 0)
			return false;
	}
	return true;
}

/* Index of the event's audience in the run, added when it is new. */
static int
get_audience(Run *run, const Event *event)
{
	Audience *added;

	if (!event_is_restricted(event))
		return EVERYBODY;
	for (uint32_t i = 0; i < run->naudiences; i++)
	{
		if (audience_equals(&run->audiences[i], event))
			return (int) i;
	}
	run->audiences =
		mem_realloc(run->audiences, (run->naudiences + 1) * sizeof(Audience));
	added = &run->audiences[run->naudiences];
	*added = (Audience){event->has_mask, event->mask, NULL, event->nusers};
	added->users = mem_alloc(event->nusers * sizeof(char *));
	for (size_t i = 0; i < event->nusers; i++)
		added->users[i] = mem_strdup(event->users[i]);
	return (int) run->naudiences++;
}

/* Index of the event's type in the run, added when it is new or they are many. */
static uint32_t
get_type(Run *run, const Event *event)
{
	for (uint32_t i = 0; i < run->ntypes && i < MAX_TYPES; i++)
	{
		if (strcmp(run->types[i], event->type) == 0)
			return i;
	}
	run->types = mem_realloc(run->types, (run->ntypes + 1) * sizeof(char *));
	run->types[run->ntypes] = mem_strdup(event->type);
	return run->ntypes++;
}

/* 1 + index of what acknowledging the event says, 0 when that is nothing. */
static uint32_t
get_mark(Run *run, const Event *event)
{
	const char *method = receipt_method(event->type);
	char *id = method ? receipt_id(event->payload, event->payload_len) : NULL;

	if (id == NULL)
		return 0;
	run->marks = mem_realloc(run->marks, (run->nmarks + 1) * sizeof(Mark));
	run->marks[run->nmarks] =
		(Mark){method, id, mem_strdup(event->sender_id ? event->sender_id : "")};
	return ++run->nmarks;
}

/* Appends the frame of an event and notes whom it is for. */
static void
add_to_run(Run *run, const Event *event, const Channel *channel)
{
	uint32_t start = (uint32_t) run->bytes.len;

	event_append_frame(&run->bytes, event, channel->name);
	if (run->npieces == run->pieces_cap)
	{
		run->pieces_cap = run->pieces_cap ? run->pieces_cap * 2 : 16;
		run->pieces = mem_realloc(run->pieces, run->pieces_cap * sizeof(Piece));
	}
	run->pieces[run->npieces++] =
		(Piece){start, (uint32_t) run->bytes.len - start, get_audience(run, event),
				channel->nfiltered > 0 ? get_type(run, event) : 0, get_mark(run, event)};
}

void
fanout_add(Fanout *fanout, const Event *event, char **channels, size_t nchannels)
{
	for (size_t i = 0; i < nchannels; i++)
	{
		Channel *channel = hub_find(fanout->hub, channels[i]);

		if (channel == NULL)
			continue;
		add_to_run(get_run(get_batch(fanout, channel), channel, event), event, channel);
	}
}

/* May this client see what is for this audience? */
static bool
belongs_to(const Conn *conn, const Audience *audience)
{
	if (audience->has_mask && (audience->mask & conn->mask) != 0)
		return true;
	for (size_t i = 0; i < audience->nusers; i++)
	{
		if (strcmp(audience->users[i], conn->user) == 0)
			return true;
	}
	return false;
}

/* The client's set of audiences, as bits. */
static uint64_t
audiences_of(const Run *run, const Conn *conn)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < run->naudiences; i++)
	{
		if (belongs_to(conn, &run->audiences[i]))
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

/* Is the piece for those in these audiences with this filter? */
static bool
is_for(const Run *run, const Piece *piece, uint64_t audiences, const TypeFilter *filter)
{
	if (piece->audience != EVERYBODY && !(audiences >> piece->audience & 1))
		return false;
	return filter == NULL || type_filter_passes(filter, run->types[piece->ntype]);
}

/* Hangs on the chunk what acknowledging these pieces says. */
static void
add_receipt(Chunk *chunk, const Run *run, const Channel *channel, uint64_t audiences,
			const TypeFilter *filter)
{
	for (uint32_t i = 0; run->nmarks > 0 && i < run->npieces; i++)
	{
		const Piece *piece = &run->pieces[i];
		const Mark *mark = piece->nmark ? &run->marks[piece->nmark - 1] : NULL;

		if (mark != NULL && is_for(run, piece, audiences, filter))
			receipt_add(&chunk->receipt, channel->name, mark->method, mark->id,
						mark->sender);
	}
}

/* Makes the chunk that they get, NULL when it is empty. */
static Chunk *
lay_out(const Run *run, uint64_t audiences, const TypeFilter *filter)
{
	Buf bytes = {0};
	uint32_t count = 0;
	Chunk *chunk = NULL;

	if (run->naudiences == 0 && filter == NULL)
		return chunk_new(run->frame_class, run->bytes.data, run->bytes.len, run->npieces,
						 run->state_key);
	for (uint32_t i = 0; i < run->npieces; i++)
	{
		const Piece *piece = &run->pieces[i];

		if (!is_for(run, piece, audiences, filter))
			continue;
		buf_append(&bytes, run->bytes.data + piece->start, piece->len);
		count++;
	}
	if (count > 0)
		chunk = chunk_new(run->frame_class, bytes.data, bytes.len, count, run->state_key);
	buf_free(&bytes);
	return chunk;
}

/* The types of the run that the filter passes, as bits; 0 when they are too many. */
static uint64_t
types_of(const Run *run, const TypeFilter *filter)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; filter != NULL && run->ntypes <= MAX_TYPES && i < run->ntypes;
		 i++)
	{
		if (type_filter_passes(filter, run->types[i]))
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

/* Is it what they get who have this filter, or another that passes the same of it? */
static bool
suits(const Run *run, const Variant *variant, const TypeFilter *filter, uint64_t types)
{
	if (variant->filter == filter)
		return true;
	return variant->filter != NULL && filter != NULL && run->ntypes <= MAX_TYPES &&
		   variant->types == types;
}

/* The variant's chunk is borrowed from the run. */
static Chunk *
get_variant(Run *run, const Channel *channel, uint64_t audiences,
			const TypeFilter *filter)
{
	uint64_t types = types_of(run, filter);
	Variant *added;

	for (uint32_t i = 0; i < run->nvariants; i++)
	{
		if (run->variants[i].audiences == audiences &&
			suits(run, &run->variants[i], filter, types))
			return run->variants[i].chunk;
	}
	run->variants = mem_realloc(run->variants, (run->nvariants + 1) * sizeof(Variant));
	added = &run->variants[run->nvariants++];
	*added = (Variant){audiences, filter, types, lay_out(run, audiences, filter)};
	if (added->chunk != NULL)
		add_receipt(added->chunk, run, channel, audiences, filter);
	stats.batches_total++;
	return added->chunk;
}

/* Gives every live subscriber its variant of the run. */
static void
deliver_run(Fanout *fanout, Run *run, const Channel *channel, uint64_t cycle)
{
	for (uint32_t i = 0; i < channel->nsubs; i++)
	{
		Sub *sub = channel->subs[i];
		Conn *conn = sub->conn;
		Chunk *chunk;

		if (conn->state != CONN_READY || sub->skip_cycle == cycle)
			continue;
		chunk = get_variant(run, channel, run->naudiences ? audiences_of(run, conn) : 0,
							sub->filter);
		if (chunk == NULL)
			continue;
		sub_deliver(sub, chunk);
		if (!list_is_linked(&conn->in_got))
			list_push_tail(&fanout->got, &conn->in_got);
	}
}

/* Drops the run and its references on the variants. */
static void
free_run(Run *run)
{
	for (uint32_t i = 0; i < run->nvariants; i++)
	{
		if (run->variants[i].chunk != NULL)
			chunk_unref(run->variants[i].chunk);
	}
	for (uint32_t i = 0; i < run->naudiences; i++)
		text_array_free(run->audiences[i].users, run->audiences[i].nusers);
	for (uint32_t i = 0; i < run->nmarks; i++)
	{
		free(run->marks[i].id);
		free(run->marks[i].sender);
	}
	free(run->marks);
	text_array_free(run->types, run->ntypes);
	free(run->variants);
	free(run->audiences);
	free(run->pieces);
	free(run->state_key);
	buf_free(&run->bytes);
}

void
fanout_deliver(Fanout *fanout, uint64_t cycle)
{
	for (uint32_t i = 0; i < fanout->ntouched; i++)
	{
		Channel *channel = fanout->touched[i];
		struct ChannelBatch *batch = channel->batch;

		for (uint32_t j = 0; j < batch->nruns; j++)
		{
			deliver_run(fanout, &batch->runs[j], channel, cycle);
			free_run(&batch->runs[j]);
		}
		free(batch->runs);
		free(batch);
		channel->batch = NULL;
	}
	fanout->ntouched = 0;
}

void
fanout_send_position(Conn *conn, Chunk *position, uint64_t position_seq)
{
	/*
	 * A position claims that everything before it was delivered. It can wait:
	 * no reason to call a consumer slow.
	 */
	if (conn->state != CONN_READY || conn->npending > 0 ||
		outbox_is_full(&conn->out, &conn->table->limits))
		return;
	conn_push(conn, position);
	conn->position_at = clock_now_ms();
	conn->position_seq = position_seq;
}

void
fanout_finish(Fanout *fanout, Chunk *position, uint64_t position_seq)
{
	ListNode *node;

	while ((node = list_pop_head(&fanout->got)) != NULL)
		fanout_send_position(list_entry(node, Conn, in_got), position, position_seq);
}

void
fanout_publish(const Channel *channel, Chunk *chunk, const Conn *except)
{
	for (uint32_t i = 0; i < channel->nsubs; i++)
	{
		Sub *sub = channel->subs[i];

		if (sub->conn != except && sub->conn->state == CONN_READY)
			sub_deliver(sub, chunk);
	}
}

/* Until they are subscribed again, no position is true of their connections. */
static void
break_subscriptions(const Channel *channel)
{
	for (uint32_t i = 0; i < channel->nsubs; i++)
		sub_set_broken(channel->subs[i], true);
}

void
fanout_gap(const Fanout *fanout, const char *reason)
{
	size_t position = 0;
	Channel *channel;

	while ((channel = strmap_next(&fanout->hub->channels, &position)) != NULL)
	{
		Buf json = {0};
		Chunk *chunk;

		wire_gap(&json, channel->name, reason);
		chunk = chunk_from_json(CLASS_CRITICAL, &json, NULL);
		fanout_publish(channel, chunk, NULL);
		break_subscriptions(channel);
		chunk_unref(chunk);
		buf_free(&json);
	}
}
