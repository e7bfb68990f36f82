/*
 * answer.c: see answer.h.
 */
#include "answer.h"

#include "stats.h"

#include <inttypes.h>

/* The words of a status line. */
static const char *
reason_phrase(int status)
{
	static const struct
	{
		int status;
		const char *words;
	} reasons[] = {
		{200, "OK"},
		{204, "No Content"},
		{304, "Not Modified"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{409, "Conflict"},
		{410, "Gone"},
		{413, "Content Too Large"},
		{417, "Expectation Failed"},
		{422, "Unprocessable Content"},
		{423, "Locked"},
		{426, "Upgrade Required"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{503, "Service Unavailable"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
	{
		if (reasons[i].status == status)
			return reasons[i].words;
	}
	return "Error";
}

void
answer_retry_after(Buf *headers, int64_t ms)
{
	if (ms > 0)
		buf_printf(headers, "Retry-After: %" PRId64 "\r\n", (ms + 999) / 1000);
}

void
answer_allow_origin(Buf *headers, const char *origin)
{
	if (origin != NULL)
		buf_printf(headers,
				   "Access-Control-Allow-Origin: %s\r\nVary: Origin\r\n"
				   "Access-Control-Expose-Headers: Retry-After, Wrk-Event-Id\r\n",
				   origin);
}

void
answer_set_error(Answer *answer, const WireError *error)
{
	answer->status = error->code->status;
	answer->content_type = "application/json";
	answer_retry_after(&answer->headers, error->retry_after);
	if (answer->status == 401)
		buf_puts(&answer->headers, "WWW-Authenticate: Bearer\r\n");
	wire_error_payload(&answer->body, error);
}

void
answer_send(Conn *conn, Answer *answer)
{
	Buf out = {0};
	size_t len = answer->shared ? answer->shared->len : answer->body.len;

	stats.http_requests_total++;
	buf_printf(&out, "HTTP/1.1 %d %s\r\n", answer->status, reason_phrase(answer->status));
	if (answer->content_type != NULL)
		buf_printf(&out, "Content-Type: %s\r\n", answer->content_type);
	if (answer->status != 204 && answer->status != 304)
		buf_printf(&out, "Content-Length: %zu\r\n", len);
	buf_printf(&out,
			   "Cache-Control: %s\r\nX-Content-Type-Options: nosniff\r\n"
			   "Connection: %s\r\n",
			   answer->caching ? answer->caching : "no-store",
			   conn->keep_alive ? "keep-alive" : "close");
	buf_append(&out, answer->headers.data, answer->headers.len);
	buf_puts(&out, "\r\n");
	if (!answer->head_only && answer->shared == NULL)
		buf_append(&out, answer->body.data, answer->body.len);
	conn_set_state(conn, CONN_HTTP);
	conn_send_raw(conn, &out);
	if (!answer->head_only && answer->shared != NULL)
		conn_send_shared(conn, answer->shared);
	buf_free(&out);
	buf_free(&answer->headers);
	buf_free(&answer->body);
}
