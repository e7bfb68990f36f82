/*
 * handshake.c: see handshake.h.
 */
#include "handshake.h"

#include "admit.h"
#include "connlog.h"
#include "deflate.h"
#include "drain.h"
#include "http.h"
#include "origins.h"
#include "session.h"
#include "stats.h"
#include "ws.h"

#include <stdlib.h>
#include <string.h>

#define SUBPROTOCOL "wrk.v1"
#define BEARER "wrk.bearer."

/* What the client offers: our sub-protocol, a token, something else. */
typedef struct Offer
{
	bool ours;
	char *token;       /* malloc'd or NULL */
	const char *other; /* first sub-protocol that is neither */
	size_t other_len;
} Offer;

/* Reads the sub-protocols that the client offers. */
static void
read_offer(const HttpHead *head, Offer *offer)
{
	HttpListState state = {0, NULL};
	const char *item;
	size_t len;

	*offer = (Offer){0};
	while (http_list_next(head, "Sec-WebSocket-Protocol", &state, &item, &len))
	{
		if (len == strlen(SUBPROTOCOL) && memcmp(item, SUBPROTOCOL, len) == 0)
			offer->ours = true;
		else if (len > strlen(BEARER) && memcmp(item, BEARER, strlen(BEARER)) == 0)
		{
			free(offer->token);
			offer->token = base64url_decode(item + strlen(BEARER), len - strlen(BEARER));
		}
		else if (offer->other == NULL)
		{
			offer->other = item;
			offer->other_len = len;
		}
	}
}

/* A browser fails the connection unless one of its sub-protocols comes back. */
static void
send_upgrade(Conn *conn, const char *key, const Offer *offer, const Buf *extension)
{
	Buf out = {0};
	char accept[WS_ACCEPT_SIZE];

	ws_accept_key(key, accept);
	buf_puts(&out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				   "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
	buf_puts(&out, accept);
	if (offer->ours)
		buf_puts(&out, "\r\nSec-WebSocket-Protocol: " SUBPROTOCOL);
	else if (offer->other != NULL)
	{
		buf_puts(&out, "\r\nSec-WebSocket-Protocol: ");
		buf_append(&out, offer->other, offer->other_len);
	}
	if (extension->len > 0)
		buf_printf(&out, "\r\nSec-WebSocket-Extensions: %s", extension->data);
	buf_puts(&out, "\r\n\r\n");
	conn_send_raw(conn, &out);
	buf_free(&out);
}

/* A page of somebody else's. The code is what a browser can show. */
static void
refuse_origin(Conn *conn, const HttpHead *head)
{
	stats.origins_refused_total++;
	conn_log(LOG_INFO, conn, NULL, "origin refused", "origin=%s",
			 log_quote(http_header(head, "Origin")));
	conn_close_after_flush(conn, 4503, "origin");
}

void
handshake_upgrade(Gateway *gateway, Conn *conn, const HttpHead *head)
{
	const char *key = http_header(head, "Sec-WebSocket-Key");
	const char *version = http_header(head, "Sec-WebSocket-Version");
	Buf extension = {0};
	Offer offer;
	LimitHit hit;

	if (strcmp(head->method, "GET") != 0 || key == NULL || strlen(key) != 24 ||
		!http_header_has(head, "Connection", "Upgrade"))
	{
		http_refuse(conn, 400, "");
		return;
	}
	if (version == NULL || strcmp(version, "13") != 0)
	{
		http_refuse(conn, 426, "Sec-WebSocket-Version: 13\r\n");
		return;
	}
	read_offer(head, &offer);
	if (gateway->config.compression && deflate_negotiate(head, &extension))
	{
		(void) buf_cstr(&extension);
		conn->framing = FRAMING_DEFLATE;
	}
	send_upgrade(conn, key, &offer, &extension);
	buf_free(&extension);
	conn_set_state(conn, CONN_OPEN);
	if (!offer.ours && offer.other != NULL)
		conn_close_after_flush(conn, 4505, "unsupported protocol version");
	else if (!origin_allowed(gateway->config.origins, http_header(head, "Origin")))
		refuse_origin(conn, head);
	else if (gateway->draining)
		drain_say_goodbye(gateway, conn);
	else if (!admit_newcomer(conn, &hit))
		admit_turn_away(conn, &hit);
	else
		session_begin(gateway, conn, offer.token);
	free(offer.token);
}
