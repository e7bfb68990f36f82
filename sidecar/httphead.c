/*
 * httphead.c: see httphead.h.
 */
#include "httphead.h"

#include "mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* tchar of RFC 9110. */
static bool
is_token_char(unsigned char c)
{
	return isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* The line up to CRLF or LF, NUL-terminated in place; NULL when it has no end. */
static char *
next_line(char **at, char *end)
{
	char *line = *at;
	char *newline = memchr(line, '\n', (size_t) (end - line));

	if (newline == NULL)
		return NULL;
	*at = newline + 1;
	if (newline > line && newline[-1] == '\r')
		newline--;
	*newline = '\0';
	/* a NUL inside would cut the line short unseen */
	return strlen(line) == (size_t) (newline - line) ? line : NULL;
}

/* Method, target in origin form, HTTP/1.x. */
static bool
parse_request_line(char *line, HttpHead *head)
{
	char *target = strchr(line, ' ');
	char *version;
	char *query;

	if (target == NULL)
		return false;
	*target++ = '\0';
	version = strchr(target, ' ');
	if (version == NULL)
		return false;
	*version++ = '\0';
	if (strncmp(version, "HTTP/1.", 7) != 0 || !isdigit((unsigned char) version[7]) ||
		version[8] != '\0' || *target != '/')
		return false;
	for (const char *c = line; *c; c++)
	{
		if (!is_token_char((unsigned char) *c))
			return false;
	}
	query = strchr(target, '?');
	if (query != NULL)
		*query++ = '\0';
	head->minor = version[7] - '0';
	head->method = line;
	head->path = target;
	head->query = query ? query : "";
	return *line != '\0';
}

/* Name, colon, value without white space around it. */
static bool
parse_header(char *line, HttpHead *head)
{
	char *colon = strchr(line, ':');
	char *value;
	char *end;

	if (colon == NULL || colon == line || head->nheaders == HTTP_HEADERS_MAX)
		return false;
	for (const char *c = line; c < colon; c++)
	{
		if (!is_token_char((unsigned char) *c))
			return false;
	}
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	for (const char *c = value; *c; c++)
	{
		if ((unsigned char) *c < 0x20 && *c != '\t')
			return false;
	}
	head->headers[head->nheaders++] = (HttpHeader){line, value};
	return true;
}

/* Length of the head with its empty line; 0 when that is not there yet. */
static size_t
head_length(const char *bytes, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++)
	{
		if (bytes[i] != '\n')
			continue;
		if (bytes[i + 1] == '\n')
			return i + 2;
		if (bytes[i + 1] == '\r' && i + 2 < len && bytes[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

HttpParse
http_head_parse(char *bytes, size_t len, HttpHead *head, size_t *used)
{
	size_t size = head_length(bytes, len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX);
	char *at = bytes;
	char *line;

	if (size == 0)
		return len >= HTTP_HEAD_MAX ? HTTP_HEAD_TOO_LARGE : HTTP_HEAD_MORE;
	memset(head, 0, sizeof(*head));
	line = next_line(&at, bytes + size);
	if (line == NULL || !parse_request_line(line, head))
		return HTTP_HEAD_BROKEN;
	while ((line = next_line(&at, bytes + size)) != NULL && *line != '\0')
	{
		if (!parse_header(line, head))
			return HTTP_HEAD_BROKEN;
	}
	if (line == NULL)
		return HTTP_HEAD_BROKEN;
	*used = size;
	return HTTP_HEAD_DONE;
}

const char *
http_header(const HttpHead *head, const char *name)
{
	for (size_t i = 0; i < head->nheaders; i++)
	{
		if (strcasecmp(head->headers[i].name, name) == 0)
			return head->headers[i].value;
	}
	return NULL;
}

size_t
http_header_count(const HttpHead *head, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < head->nheaders; i++)
		count += strcasecmp(head->headers[i].name, name) == 0;
	return count;
}

bool
http_list_next(const HttpHead *head, const char *name, HttpListState *state,
			   const char **item, size_t *len)
{
	for (; state->header < head->nheaders; state->header++, state->at = NULL)
	{
		if (strcasecmp(head->headers[state->header].name, name) != 0)
			continue;
		if (state->at == NULL)
			state->at = head->headers[state->header].value;
		while (*state->at != '\0')
		{
			size_t size;

			state->at += strspn(state->at, ", \t");
			size = strcspn(state->at, ",");
			*item = state->at;
			state->at += size;
			while (size > 0 && ((*item)[size - 1] == ' ' || (*item)[size - 1] == '\t'))
				size--;
			*len = size;
			if (size > 0)
				return true;
		}
	}
	return false;
}

bool
http_header_has(const HttpHead *head, const char *name, const char *token)
{
	HttpListState state = {0, NULL};
	const char *item;
	size_t len;

	while (http_list_next(head, name, &state, &item, &len))
	{
		if (len == strlen(token) && strncasecmp(item, token, len) == 0)
			return true;
	}
	return false;
}

/* -1 for a character that is not of the alphabet. */
static int
base64url_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

char *
base64url_decode(const char *text, size_t len)
{
	char *out = mem_alloc(len + 1);
	size_t size = 0;
	unsigned bits = 0;
	unsigned nbits = 0;

	for (size_t i = 0; i < len; i++)
	{
		int value = base64url_value(text[i]);

		if (value < 0)
		{
			free(out);
			return NULL;
		}
		bits = bits << 6 | (unsigned) value;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			out[size++] = (char) (bits >> nbits);
			bits &= (1u << nbits) - 1;
		}
	}
	out[size] = '\0';
	if (len % 4 == 1 || bits != 0 || strlen(out) != size)
	{
		free(out);
		return NULL;
	}
	return out;
}
