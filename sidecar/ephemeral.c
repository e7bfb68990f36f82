/*
 * ephemeral.c: see ephemeral.h.
 */
#include "ephemeral.h"

#include "mem.h"
#include "pieces.h"
#include "stats.h"

#include <stdlib.h>
#include <string.h>

#define TYPING "typing" /* the kind that ends by itself */
#define TELL_MAX 4096   /* voices that other gateways have not heard yet */

/* One of these for each channel in which something was said of late. */
typedef struct Room
{
	ListNode in_active;
	List waiting; /* of Voice, in the order of their last words */
	size_t bytes; /* of those */
	uint32_t nvoices;
	int64_t flushed_at; /* the channel's turn is EPHEMERAL_INTERVAL_MS after that */
	char name[];
} Room;

/* One of these for each user, kind and channel with a word that has something to wait
 * for. */
typedef struct Voice
{
	ListNode in_waiting; /* of its room: not handed out yet */
	ListNode in_to_tell;
	ListNode in_typing;
	ListNode in_conn;
	Room *room;
	Conn *conn; /* that said it; NULL: of another gateway, or gone */
	bool away;  /* another gateway said it */
	char *user;
	char *type;
	char *data;
	size_t len;
	int64_t ends_at; /* of who is typing */
	char key[];
} Voice;

void
ephemeral_init(Ephemeral *ephemeral, Hub *hub, int64_t typing_ms)
{
	*ephemeral = (Ephemeral){.hub = hub, .typing_ms = typing_ms};
	list_init(&ephemeral->active);
	list_init(&ephemeral->to_tell);
	list_init(&ephemeral->typing);
	list_init(&ephemeral->typing_away);
}

/* ------------------------------------------------------------------- voices */

/* Length of a type's kind: typing_start and typing_stop are of one. */
static size_t
kind_length(const char *type)
{
	static const char *const ends[] = {"_start", "_stop"};
	size_t len = strlen(type);

	for (size_t i = 0; i < 2; i++)
	{
		size_t end = strlen(ends[i]);

		if (len > end && strcmp(type + len - end, ends[i]) == 0)
			return len - end;
	}
	return len;
}

/* Is it the word with which typing begins? */
static bool
is_typing(const char *type)
{
	return strcmp(type, TYPING "_start") == 0;
}

static Room *
get_room(Ephemeral *ephemeral, const char *channel, int64_t now_ms)
{
	Room *room = strmap_get(&ephemeral->rooms, channel);
	size_t size = strlen(channel) + 1;

	if (room != NULL)
		return room;
	room = mem_zalloc(sizeof(Room) + size);
	memcpy(room->name, channel, size);
	list_init(&room->waiting);
	room->flushed_at = now_ms - EPHEMERAL_INTERVAL_MS;
	strmap_add(&ephemeral->rooms, room->name, room);
	list_push_tail(&ephemeral->active, &room->in_active);
	return room;
}

/* By what a voice is found, as text; no channel and no kind has a line feed in it. */
static void
append_key(Buf *key, const Word *word)
{
	buf_puts(key, word->channel);
	buf_puts(key, "\n");
	buf_puts(key, word->user);
	buf_puts(key, "\n");
	buf_append(key, word->type, kind_length(word->type));
	(void) buf_cstr(key);
}

/* The voice that says this, made when it is new. */
static Voice *
get_voice(Ephemeral *ephemeral, Room *room, const Word *word)
{
	Buf key = {0};
	Voice *voice;

	append_key(&key, word);
	voice = strmap_get(&ephemeral->voices, key.data);
	if (voice == NULL)
	{
		voice = mem_zalloc(sizeof(Voice) + key.len + 1);
		memcpy(voice->key, key.data, key.len + 1);
		list_init(&voice->in_waiting);
		list_init(&voice->in_to_tell);
		list_init(&voice->in_typing);
		list_init(&voice->in_conn);
		voice->room = room;
		room->nvoices++;
		voice->user = mem_strdup(word->user);
		strmap_add(&ephemeral->voices, voice->key, voice);
	}
	buf_free(&key);
	return voice;
}

/* Other gateways need not hear it, or have. */
static void
stop_telling(Ephemeral *ephemeral, Voice *voice)
{
	if (list_is_linked(&voice->in_to_tell))
		ephemeral->ntell--;
	list_remove(&voice->in_to_tell);
}

/* Frees a voice that waits for nothing. */
static void
release_voice(Ephemeral *ephemeral, Voice *voice)
{
	if (list_is_linked(&voice->in_waiting) || list_is_linked(&voice->in_to_tell) ||
		list_is_linked(&voice->in_typing))
		return;
	list_remove(&voice->in_conn);
	strmap_remove(&ephemeral->voices, voice->key);
	voice->room->nvoices--;
	free(voice->user);
	free(voice->type);
	free(voice->data);
	free(voice);
}

/* What it says waits no more. */
static void
stop_waiting(Voice *voice)
{
	if (!list_is_linked(&voice->in_waiting))
		return;
	list_remove(&voice->in_waiting);
	voice->room->bytes -= voice->len;
}

/* What it says waits for the channel's turn, behind the others. */
static void
start_waiting(Voice *voice)
{
	stop_waiting(voice);
	list_push_tail(&voice->room->waiting, &voice->in_waiting);
	voice->room->bytes += voice->len;
}

/* From now on these are its words. */
static void
set_word(Voice *voice, const Word *word)
{
	if (list_is_linked(&voice->in_waiting))
		stats.ephemeral_replaced_total++;
	stop_waiting(voice);
	free(voice->type);
	free(voice->data);
	voice->type = mem_strdup(word->type);
	voice->data = mem_strndup(word->data, word->len);
	voice->len = word->len;
}

/* Begins, goes on with or ends what ends by itself. */
static void
set_typing(Ephemeral *ephemeral, Voice *voice, int64_t now_ms)
{
	bool away = voice->away;

	list_remove(&voice->in_typing);
	if (!is_typing(voice->type))
		return;
	voice->ends_at = now_ms + ephemeral->typing_ms + (away ? EPHEMERAL_LATE_MS : 0);
	list_push_tail(away ? &ephemeral->typing_away : &ephemeral->typing,
				   &voice->in_typing);
}

/* ----------------------------------------------------------------- handing out */

/* Lays out the words that wait. */
static void
lay_out(const Room *room, Pieces *pieces)
{
	list_foreach(node, following, &room->waiting)
	{
		const Voice *voice = list_entry(node, Voice, in_waiting);
		const Word word = {room->name, voice->user, voice->type, voice->data, voice->len};

		pieces_add(pieces, &word, voice->conn);
	}
}

/* The channel's turn: hands out what waits. */
static void
flush_room(Ephemeral *ephemeral, Room *room, int64_t now_ms)
{
	const Channel *channel = hub_find(ephemeral->hub, room->name);
	Pieces pieces = {0};

	room->flushed_at = now_ms;
	if (channel != NULL)
	{
		lay_out(room, &pieces);
		pieces_deliver(&pieces, channel);
		pieces_free(&pieces);
	}
	while (!list_is_empty(&room->waiting))
	{
		Voice *voice = list_entry(room->waiting.next, Voice, in_waiting);

		stop_waiting(voice);
		release_voice(ephemeral, voice);
	}
}

/* At once when it is the channel's turn. */
static void
flush_if_due(Ephemeral *ephemeral, Room *room, int64_t now_ms)
{
	if (now_ms - room->flushed_at >= EPHEMERAL_INTERVAL_MS &&
		!list_is_empty(&room->waiting))
		flush_room(ephemeral, room, now_ms);
}

/* ------------------------------------------------------------------- saying */

/* Here and, what is of this gateway, elsewhere. */
static void
spread(Ephemeral *ephemeral, Voice *voice, bool elsewhere)
{
	start_waiting(voice);
	if (!elsewhere || !ephemeral->has_others || list_is_linked(&voice->in_to_tell))
		return;
	if (ephemeral->ntell >= TELL_MAX)
	{
		stats.ephemeral_refused_total++;
		return;
	}
	ephemeral->ntell++;
	list_push_tail(&ephemeral->to_tell, &voice->in_to_tell);
}

bool
ephemeral_say(Ephemeral *ephemeral, const Word *word, Conn *conn, int64_t now_ms)
{
	Room *room = get_room(ephemeral, word->channel, now_ms);
	Voice *voice;

	if (room->bytes + word->len > EPHEMERAL_ROOM_MAX)
	{
		stats.ephemeral_refused_total++;
		return false;
	}
	stats.ephemeral_total++;
	voice = get_voice(ephemeral, room, word);
	set_word(voice, word);
	voice->conn = conn;
	voice->away = conn == NULL;
	list_remove(&voice->in_conn);
	if (conn != NULL)
		list_push_tail(&conn->voices, &voice->in_conn);
	else
		stop_telling(ephemeral, voice); /* others were told by whoever told us */
	set_typing(ephemeral, voice, now_ms);
	spread(ephemeral, voice, conn != NULL);
	flush_if_due(ephemeral, room, now_ms);
	return true;
}

/* Who was typing is not any more; says so, with the words of the beginning. */
static void
end_typing(Ephemeral *ephemeral, Voice *voice)
{
	list_remove(&voice->in_typing);
	free(voice->type);
	voice->type = mem_strdup(TYPING "_stop");
	spread(ephemeral, voice, !voice->away);
}

/* From now on nobody's leaving ends what it says. */
static void
forget_speaker(Ephemeral *ephemeral, Voice *voice)
{
	list_remove(&voice->in_conn);
	voice->conn = NULL;
	release_voice(ephemeral, voice);
}

void
ephemeral_let_go(Ephemeral *ephemeral, Conn *conn, const char *channel)
{
	list_foreach(node, following, &conn->voices)
	{
		Voice *voice = list_entry(node, Voice, in_conn);

		if (strcmp(channel, voice->room->name) == 0)
			forget_speaker(ephemeral, voice);
	}
}

void
ephemeral_leave(Ephemeral *ephemeral, Conn *conn, const char *channel)
{
	list_foreach(node, following, &conn->voices)
	{
		Voice *voice = list_entry(node, Voice, in_conn);

		if (channel != NULL && strcmp(channel, voice->room->name) != 0)
			continue;
		if (list_is_linked(&voice->in_typing))
			end_typing(ephemeral, voice);
		else if (strcmp(voice->type, TYPING "_stop") != 0)
		{
			stop_waiting(voice);
			stop_telling(ephemeral, voice);
		}
		forget_speaker(ephemeral, voice);
	}
}

/* ---------------------------------------------------------------- in due time */

/* Ends those of a list whose time is over; the time of the next, 0 for none. */
static int64_t
expire(Ephemeral *ephemeral, List *typing, int64_t now_ms)
{
	while (!list_is_empty(typing))
	{
		Voice *voice = list_entry(typing->next, Voice, in_typing);

		if (voice->ends_at > now_ms)
			return voice->ends_at;
		end_typing(ephemeral, voice);
	}
	return 0;
}

static void
sooner(int64_t *next, int64_t at)
{
	if (at != 0 && (*next == 0 || at < *next))
		*next = at;
}

/* Nobody has said anything in it for a while. */
static void
free_room(Ephemeral *ephemeral, Room *room)
{
	strmap_remove(&ephemeral->rooms, room->name);
	list_remove(&room->in_active);
	free(room);
}

int64_t
ephemeral_run(Ephemeral *ephemeral, int64_t now_ms)
{
	int64_t next = expire(ephemeral, &ephemeral->typing, now_ms);

	sooner(&next, expire(ephemeral, &ephemeral->typing_away, now_ms));
	list_foreach(node, following, &ephemeral->active)
	{
		Room *room = list_entry(node, Room, in_active);

		flush_if_due(ephemeral, room, now_ms);
		if (now_ms - room->flushed_at < EPHEMERAL_INTERVAL_MS)
			sooner(&next, room->flushed_at + EPHEMERAL_INTERVAL_MS);
		else if (room->nvoices == 0)
			free_room(ephemeral, room);
	}
	return next == 0 ? -1 : next - now_ms;
}

void
ephemeral_tell(Ephemeral *ephemeral, bool (*tell)(void *arg, const Word *word), void *arg)
{
	while (!list_is_empty(&ephemeral->to_tell))
	{
		Voice *voice = list_entry(ephemeral->to_tell.next, Voice, in_to_tell);
		const Word word = {voice->room->name, voice->user, voice->type, voice->data,
						   voice->len};

		if (!tell(arg, &word))
			return;
		stop_telling(ephemeral, voice);
		release_voice(ephemeral, voice);
	}
}

/* At the end: nobody is to hear anything any more. */
static void
silence(Ephemeral *ephemeral)
{
	while (ephemeral->voices.count > 0)
	{
		size_t position = 0;
		Voice *voice = strmap_next(&ephemeral->voices, &position);

		stop_waiting(voice);
		stop_telling(ephemeral, voice);
		list_remove(&voice->in_typing);
		release_voice(ephemeral, voice);
	}
}

void
ephemeral_free(Ephemeral *ephemeral)
{
	silence(ephemeral);
	list_foreach(node, following, &ephemeral->active)
	{
		free_room(ephemeral, list_entry(node, Room, in_active));
	}
	strmap_free(&ephemeral->voices);
	strmap_free(&ephemeral->rooms);
}
