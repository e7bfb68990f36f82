/*
 * address.c: see address.h.
 */
#include "address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BETWEEN " ,\t\r\n"
#define MAPPED_BITS 96 /* of ::ffff:0:0, in front of an IPv4 address */

static const unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool
is_mapped(const Address *address)
{
	return memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

bool
address_parse(const char *text, size_t len, Address *address)
{
	char copy[ADDRESS_TEXT_MAX];
	const char *zone = memchr(text, '%', len);

	if (zone != NULL)
		len = (size_t) (zone - text);
	if (len == 0 || len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET6, copy, address->bytes) == 1)
		return true;
	memcpy(address->bytes, mapped_prefix, sizeof(mapped_prefix));
	return inet_pton(AF_INET, copy, address->bytes + sizeof(mapped_prefix)) == 1;
}

void
address_format(const Address *address, char out[ADDRESS_TEXT_MAX])
{
	if (is_mapped(address))
		inet_ntop(AF_INET, address->bytes + sizeof(mapped_prefix), out, ADDRESS_TEXT_MAX);
	else
		inet_ntop(AF_INET6, address->bytes, out, ADDRESS_TEXT_MAX);
}

/* ----------------------------------------------------------------- networks */

typedef struct Network
{
	Address base;
	unsigned bits; /* of base that count */
} Network;

/* The length of a prefix, decimal digits and nothing else. */
static bool
parse_bits(const char *text, size_t len, unsigned most, unsigned *bits)
{
	*bits = 0;
	for (size_t i = 0; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9' || len > 3)
			return false;
		*bits = *bits * 10 + (unsigned) (text[i] - '0');
	}
	return len > 0 && *bits <= most;
}

/* An address, or an address and how many of its bits count. */
static bool
parse_network(const char *text, size_t len, Network *network)
{
	const char *slash = memchr(text, '/', len);
	size_t head = slash ? (size_t) (slash - text) : len;
	bool v4 = memchr(text, ':', head) == NULL;
	unsigned skipped = v4 ? MAPPED_BITS : 0;

	network->bits = 128;
	if (memchr(text, '%', len) != NULL || !address_parse(text, head, &network->base))
		return false;
	if (slash == NULL)
		return true;
	if (!parse_bits(slash + 1, len - head - 1, 128 - skipped, &network->bits))
		return false;
	network->bits += skipped;
	return true;
}

/* Do the bits that count agree? */
static bool
network_has(const Network *network, const Address *address)
{
	size_t whole = network->bits / 8;
	unsigned rest = network->bits % 8;

	if (memcmp(network->base.bytes, address->bytes, whole) != 0)
		return false;
	return rest == 0 ||
		   (network->base.bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}

/* Takes the next entry off the list; 0 at its end. */
static size_t
next_entry(const char **list, const char **entry)
{
	size_t len;

	*list += strspn(*list, BETWEEN);
	*entry = *list;
	len = strcspn(*list, BETWEEN);
	*list += len;
	return len;
}

bool
networks_have(const char *list, const Address *address)
{
	const char *entry;
	size_t len;

	while ((len = next_entry(&list, &entry)) > 0)
	{
		Network network;

		if (parse_network(entry, len, &network) && network_has(&network, address))
			return true;
	}
	return false;
}

bool
address_is_local(const char *text)
{
	Address address;

	return address_parse(text, strlen(text), &address) &&
		   networks_have("127.0.0.0/8 ::1", &address);
}

bool
networks_check(const char *list, Buf *error)
{
	const char *entry;
	size_t len;

	while ((len = next_entry(&list, &entry)) > 0)
	{
		Network network;

		if (parse_network(entry, len, &network))
			continue;
		buf_printf(error, "\"%.*s\" is no network such as 10.0.0.0/8", (int) len, entry);
		return false;
	}
	return true;
}

/* ------------------------------------------------------------------ proxies */

/* One item of X-Forwarded-For: an address, maybe with a port or in quotes. */
static bool
parse_forwarded(const char *text, size_t len, Address *address)
{
	const char *colon;

	if (len >= 2 && text[0] == '"' && text[len - 1] == '"')
	{
		text++;
		len -= 2;
	}
	if (len > 0 && *text == '[')
	{
		const char *end = memchr(text, ']', len);

		return end != NULL && (end + 1 == text + len || end[1] == ':') &&
			   address_parse(text + 1, (size_t) (end - text) - 1, address);
	}
	colon = memchr(text, ':', len);
	if (colon != NULL && memchr(text, '.', (size_t) (colon - text)) != NULL)
		len = (size_t) (colon - text); /* the port of an IPv4 address */
	return address_parse(text, len, address);
}

void
address_behind_proxies(const HttpHead *head, const char *trusted,
					   const char peer[ADDRESS_TEXT_MAX], char text[ADDRESS_TEXT_MAX])
{
	HttpListState state = {0, NULL};
	Address client;
	Address address;
	const char *item;
	size_t len;
	bool known = false; /* is client what an item said? */

	memmove(text, peer, ADDRESS_TEXT_MAX);
	if (!address_parse(text, strlen(text), &client) || !networks_have(trusted, &client))
		return;
	/*
	 * From the left, as the items come: what is no listed proxy replaces everything
	 * before it, and so does what nobody understands, with nothing.
	 */
	while (http_list_next(head, "X-Forwarded-For", &state, &item, &len))
	{
		if (!parse_forwarded(item, len, &address))
			known = false;
		else if (!known || !networks_have(trusted, &address))
		{
			client = address;
			known = true;
		}
	}
	if (known)
		address_format(&client, text);
}
