/*
 * origins.c: see origins.h.
 */
#include "origins.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define BETWEEN " ,\t\r\n"

/* A piece of somebody else's text. */
typedef struct Span
{
	const char *at;
	size_t len;
} Span;

/* scheme "://" host [":" port], as RFC 6454 writes an origin. */
typedef struct Origin
{
	Span scheme;
	Span host; /* with its brackets when it is IPv6 */
	Span port; /* empty: the scheme's own */
} Origin;

static bool
span_is(Span span, const char *text)
{
	return span.len == strlen(text) && strncasecmp(span.at, text, span.len) == 0;
}

static bool
spans_equal(Span a, Span b)
{
	return a.len == b.len && strncasecmp(a.at, b.at, a.len) == 0;
}

/* Are all characters of the span of that kind, or in more? */
static bool
consists_of(Span span, int (*kind)(int), const char *more)
{
	for (size_t i = 0; i < span.len; i++)
	{
		if (!kind((unsigned char) span.at[i]) && strchr(more, span.at[i]) == NULL)
			return false;
	}
	return span.len > 0;
}

/* The port a browser leaves out. */
static Span
default_port(Span scheme)
{
	if (span_is(scheme, "https"))
		return (Span){"443", 3};
	if (span_is(scheme, "http"))
		return (Span){"80", 2};
	return (Span){"", 0};
}

/* The host up to its port: a name or an address, in brackets when it has colons. */
static bool
take_host(Span *rest, Span *host, const char *wild)
{
	const char *end = rest->at + rest->len;
	const char *stop;
	bool good;

	*host = *rest;
	if (rest->len > 0 && *rest->at == '[')
	{
		stop = memchr(rest->at, ']', rest->len);
		if (stop == NULL)
			return false;
		stop++;
		good = consists_of((Span){rest->at + 1, (size_t) (stop - rest->at) - 2}, isxdigit,
						   ":.");
	}
	else
	{
		stop = memchr(rest->at, ':', rest->len);
		if (stop == NULL)
			stop = end;
		good = consists_of((Span){rest->at, (size_t) (stop - rest->at)}, isalnum, wild);
	}
	host->len = (size_t) (stop - rest->at);
	*rest = (Span){stop, (size_t) (end - stop)};
	return good;
}

/* Takes an origin apart; an entry of the list may have a "*" as well. */
static bool
parse_origin(Span text, bool entry, Origin *origin)
{
	const char *sep = memmem(text.at, text.len, "://", 3);
	Span rest;

	if (sep == NULL)
		return false;
	origin->scheme = (Span){text.at, (size_t) (sep - text.at)};
	rest = (Span){sep + 3, text.len - origin->scheme.len - 3};
	if (!consists_of(origin->scheme, isalnum, "+-.") ||
		!take_host(&rest, &origin->host, entry ? "-._*" : "-._"))
		return false;
	origin->port = default_port(origin->scheme);
	if (rest.len == 0)
		return true;
	if (*rest.at != ':')
		return false;
	origin->port = (Span){rest.at + 1, rest.len - 1};
	return (entry && span_is(origin->port, "*")) ||
		   (origin->port.len <= 5 && consists_of(origin->port, isdigit, ""));
}

/* "*." stands for one name or more in front. */
static bool
host_matches(Span wanted, Span host)
{
	size_t tail;

	if (wanted.len < 2 || wanted.at[0] != '*')
		return spans_equal(wanted, host);
	tail = wanted.len - 1; /* with its dot */
	return host.len > tail && host.at[0] != '.' &&
		   strncasecmp(host.at + host.len - tail, wanted.at + 1, tail) == 0;
}

/* Does the entry of the list stand for this origin? */
static bool
entry_matches(Span entry, Span text)
{
	Origin wanted;
	Origin origin;

	if (span_is(entry, "*"))
		return true;
	if (span_is(entry, "null"))
		return text.len == 4 && memcmp(text.at, "null", 4) == 0;
	return parse_origin(entry, true, &wanted) && parse_origin(text, false, &origin) &&
		   spans_equal(wanted.scheme, origin.scheme) &&
		   host_matches(wanted.host, origin.host) &&
		   (span_is(wanted.port, "*") || spans_equal(wanted.port, origin.port));
}

/* Takes the next entry off the list; false at its end. */
static bool
next_entry(const char **list, Span *entry)
{
	*list += strspn(*list, BETWEEN);
	*entry = (Span){*list, strcspn(*list, BETWEEN)};
	*list += entry->len;
	return entry->len > 0;
}

bool
origin_allowed(const char *list, const char *origin)
{
	Span entry;

	if (origin == NULL)
		return true;
	while (next_entry(&list, &entry))
	{
		if (entry_matches(entry, (Span){origin, strlen(origin)}))
			return true;
	}
	return false;
}

/* A "*" in the host only as its first name, with at least a name behind it. */
static bool
stars_are_in_place(Span host)
{
	size_t from = host.len > 2 && host.at[0] == '*' && host.at[1] == '.' ? 2 : 0;

	return memchr(host.at + from, '*', host.len - from) == NULL;
}

bool
origins_check(const char *list, Buf *error)
{
	Span entry;

	while (next_entry(&list, &entry))
	{
		Origin origin;

		if (span_is(entry, "*") || span_is(entry, "null"))
			continue;
		if (parse_origin(entry, true, &origin) && stars_are_in_place(origin.host))
			continue;
		buf_printf(error, "\"%.*s\" is no origin such as https://app.example.com",
				   (int) entry.len, entry.at);
		return false;
	}
	return true;
}
