/*
 * resume.c: see resume.h.
 */
#include "resume.h"

#include "attendance.h"
#include "clock.h"
#include "log.h"
#include "mem.h"
#include "stats.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SECRET_BYTES 16
#define SECRET_CHARS (2 * SECRET_BYTES)

/* One of these for each connection that is somebody, and for a while after it. */
typedef struct Place
{
	ListNode in_empty; /* linked while nobody is there, the longest empty first */
	Conn *conn;        /* NULL while empty */
	int64_t empty_at;  /* monotonic ms */
	char session[SECRET_CHARS + 1];
	char key[SECRET_CHARS + 1];
	char *tenant; /* copied when its connection goes; NULL before */
	char *user;
} Place;

static StrMap places; /* by session */
static List empty;
static int64_t nempty;
static int64_t most_empty;

void
resume_init(Gateway *gateway)
{
	list_init(&empty);
	most_empty = gateway->config.max_connections;
}

/* Forgets a place; its connection must have let go of it. */
static void
free_place(Place *place)
{
	if (list_is_linked(&place->in_empty))
	{
		list_remove(&place->in_empty);
		nempty--;
	}
	strmap_remove(&places, place->session);
	free(place->tenant);
	free(place->user);
	free(place);
}

void
resume_free(void)
{
	while (!list_is_empty(&empty))
		free_place(list_entry(empty.next, Place, in_empty));
	strmap_free(&places);
}

/* Secrets that can be guessed are worse than no gateway. */
static void
random_hex(char out[SECRET_CHARS + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[SECRET_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t) sizeof(bytes))
	{
		log_error("the kernel gives no random numbers", "");
		abort();
	}
	for (size_t i = 0; i < sizeof(bytes); i++)
	{
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[SECRET_CHARS] = '\0';
}

void
resume_begin(Conn *conn)
{
	Place *place;

	if (conn->framing == FRAMING_LIST)
		return; /* a request of its own: nobody comes back to it */
	place = mem_zalloc(sizeof(Place));
	list_init(&place->in_empty);
	random_hex(place->session);
	random_hex(place->key);
	place->conn = conn;
	conn->place = place;
	strmap_add(&places, place->session, place);
}

const char *
resume_session(const Conn *conn)
{
	return conn->place ? conn->place->session : NULL;
}

const char *
resume_key(const Conn *conn)
{
	return conn->place ? conn->place->key : NULL;
}

/* Compares without saying by its time where they differ; both have SECRET_CHARS. */
static bool
same_secret(const char *a, const char *b)
{
	unsigned differ = 0;

	for (size_t i = 0; i < SECRET_CHARS; i++)
		differ |= (unsigned char) a[i] ^ (unsigned char) b[i];
	return differ == 0;
}

/* The place that "session.key" names, if this user may have it. */
static Place *
find_place(const Conn *conn, const char *resume)
{
	char session[SECRET_CHARS + 1];
	Place *place;

	if (resume == NULL || strlen(resume) != 2 * SECRET_CHARS + 1 ||
		resume[SECRET_CHARS] != '.')
		return NULL;
	memcpy(session, resume, SECRET_CHARS);
	session[SECRET_CHARS] = '\0';
	place = strmap_get(&places, session);
	if (place == NULL || !same_secret(place->key, resume + SECRET_CHARS + 1))
		return NULL;
	if (strcmp(place->conn ? place->conn->tenant : place->tenant, conn->tenant) != 0 ||
		strcmp(place->conn ? place->conn->user : place->user, conn->user) != 0)
		return NULL;
	return place;
}

bool
resume_take(Gateway *gateway, Conn *conn, const char *resume)
{
	Place *place = find_place(conn, resume);
	Conn *old;

	if (place == NULL || place->conn == conn)
		return false;
	old = place->conn;
	stats.takeovers_total++;
	if (old != NULL)
	{
		attendance_move(gateway, old, conn);
		old->place = NULL;
		conn_close(old, 4409, "session taken over");
	}
	free_place(place);
	return true;
}

/* Did it end in a way after which nobody comes back to it? */
static bool
is_over(const Conn *conn)
{
	return conn->close_code == 1000 || conn->close_code == 4409 ||
		   conn->close_code >= 4500;
}

void
resume_gone(Conn *conn)
{
	Place *place = conn->place;

	if (place == NULL)
		return;
	conn->place = NULL;
	place->conn = NULL;
	if (is_over(conn) || conn->table->config->resume_grace == 0)
	{
		free_place(place);
		return;
	}
	place->tenant = mem_strdup(conn->tenant);
	place->user = mem_strdup(conn->user);
	place->empty_at = clock_now_ms();
	list_push_tail(&empty, &place->in_empty);
	if (++nempty > most_empty)
		free_place(list_entry(empty.next, Place, in_empty));
}

void
resume_sweep(Gateway *gateway, int64_t now)
{
	while (!list_is_empty(&empty))
	{
		Place *oldest = list_entry(empty.next, Place, in_empty);

		if (now - oldest->empty_at < gateway->config.resume_grace)
			return;
		free_place(oldest);
	}
}
