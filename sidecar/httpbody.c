/*
 * httpbody.c: see httpbody.h. RFC 9112, sections 6 and 7.1.
 */
#include "httpbody.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LENGTH_DIGITS_MAX 15
#define CHUNK_DIGITS_MAX 8

/* Transfer-Encoding: 0 for chunked and nothing else. */
static int
begin_chunked(HttpBody *body, const HttpHead *head)
{
	const char *coding = http_header(head, "Transfer-Encoding");

	if (head->minor == 0 || http_header_count(head, "Transfer-Encoding") > 1)
		return 400;
	if (strcasecmp(coding, "chunked") != 0)
		return http_header_has(head, "Transfer-Encoding", "chunked") ? 501 : 400;
	body->state = CHUNK_SIZE;
	return 0;
}

int
http_body_begin(HttpBody *body, const HttpHead *head, size_t max)
{
	const char *length = http_header(head, "Content-Length");
	size_t digits = length ? strlen(length) : 0;

	*body = (HttpBody){.state = BODY_DONE, .max = max};
	if (http_header(head, "Transfer-Encoding") != NULL)
		return length != NULL ? 400 : begin_chunked(body, head);
	if (length == NULL)
		return 0;
	if (http_header_count(head, "Content-Length") > 1 || digits == 0 ||
		strspn(length, "0123456789") != digits)
		return 400;
	if (digits > LENGTH_DIGITS_MAX || strtoull(length, NULL, 10) > max)
		return 413;
	body->left = strtoull(length, NULL, 10);
	if (body->left > 0)
		body->state = BODY_LENGTH;
	return 0;
}

/* As much of the data as is there; returns how much that is. */
static size_t
take_data(HttpBody *body, const char *bytes, size_t len)
{
	size_t take = body->left < len ? (size_t) body->left : len;

	buf_append(&body->data, bytes, take);
	body->left -= take;
	if (body->left == 0)
		body->state = body->state == CHUNK_DATA ? CHUNK_DATA_CR : BODY_DONE;
	return take;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char) tolower((unsigned char) c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A digit of the size, or what ends it. */
static HttpBodyParse
take_size(HttpBody *body, char c)
{
	int value = hex_value(c);

	if (value >= 0)
	{
		if (++body->digits > CHUNK_DIGITS_MAX)
			return HTTP_BODY_BROKEN;
		body->left = body->left << 4 | (unsigned) value;
		return HTTP_BODY_MORE;
	}
	if (body->digits == 0 || (c != '\r' && c != ';'))
		return HTTP_BODY_BROKEN;
	if (body->data.len + body->left > body->max)
		return HTTP_BODY_TOO_LARGE;
	body->state = c == ';' ? CHUNK_EXTENSION : CHUNK_SIZE_LF;
	return HTTP_BODY_MORE;
}

/* A character of a line that is of no interest; it ends with CR. */
static HttpBodyParse
skip_line(HttpBody *body, char c, size_t max, HttpBodyState then)
{
	if (++body->line > max || ((unsigned char) c < 0x20 && c != '\r' && c != '\t'))
		return HTTP_BODY_BROKEN;
	if (c == '\r')
		body->state = then;
	return HTTP_BODY_MORE;
}

/* The size line is over: data, or the trailers. */
static void
begin_chunk(HttpBody *body)
{
	body->state = body->left > 0 ? CHUNK_DATA : TRAILER_START;
	body->digits = 0;
	body->line = 0;
}

/* A character that must be this one. */
static HttpBodyParse
expect(HttpBody *body, char c, char wanted, HttpBodyState then)
{
	body->state = then;
	return c == wanted ? HTTP_BODY_MORE : HTTP_BODY_BROKEN;
}

/* One character of the coding around the data. */
static HttpBodyParse
take_character(HttpBody *body, char c)
{
	switch (body->state)
	{
		case CHUNK_SIZE:
			return take_size(body, c);
		case CHUNK_EXTENSION:
			return skip_line(body, c, HTTP_CHUNK_LINE_MAX, CHUNK_SIZE_LF);
		case CHUNK_SIZE_LF:
			begin_chunk(body);
			return c == '\n' ? HTTP_BODY_MORE : HTTP_BODY_BROKEN;
		case CHUNK_DATA_CR:
			return expect(body, c, '\r', CHUNK_DATA_LF);
		case CHUNK_DATA_LF:
			return expect(body, c, '\n', CHUNK_SIZE);
		case TRAILER_START:
			if (c == '\r')
				return expect(body, c, '\r', CHUNKED_LF);
			body->state = TRAILER;
			return skip_line(body, c, HTTP_TRAILERS_MAX, TRAILER_LF);
		case TRAILER:
			return skip_line(body, c, HTTP_TRAILERS_MAX, TRAILER_LF);
		case TRAILER_LF:
			return expect(body, c, '\n', TRAILER_START);
		case CHUNKED_LF:
			return expect(body, c, '\n', BODY_DONE);
		default:
			return HTTP_BODY_BROKEN;
	}
}

HttpBodyParse
http_body_feed(HttpBody *body, const char *bytes, size_t len, size_t *used)
{
	size_t at = 0;
	HttpBodyParse result = HTTP_BODY_MORE;

	while (at < len && body->state != BODY_DONE && result == HTTP_BODY_MORE)
	{
		if (body->state == BODY_LENGTH || body->state == CHUNK_DATA)
			at += take_data(body, bytes + at, len - at);
		else
			result = take_character(body, bytes[at++]);
	}
	*used = at;
	if (result == HTTP_BODY_MORE && body->state == BODY_DONE)
		return HTTP_BODY_DONE;
	return result;
}

void
http_request_free(HttpRequest *request)
{
	if (request == NULL)
		return;
	buf_free(&request->bytes);
	buf_free(&request->body.data);
	free(request);
}
