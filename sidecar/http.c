/*
 * http.c: see http.h.
 */
#include "http.h"

#include "feed.h"
#include "metrics.h"
#include "stats.h"

#include <inttypes.h>
#include <string.h>

typedef struct Answer
{
	int status;
	const char *content_type;
	const char *extra; /* more header lines, each with CRLF */
	Buf body;
} Answer;

/* The words of a status line. */
static const char *
reason_phrase(int status)
{
	switch (status)
	{
		case 200:
			return "OK";
		case 400:
			return "Bad Request";
		case 404:
			return "Not Found";
		case 405:
			return "Method Not Allowed";
		case 426:
			return "Upgrade Required";
		case 429:
			return "Too Many Requests";
		case 431:
			return "Request Header Fields Too Large";
		default:
			return "Service Unavailable";
	}
}

/* Sends a whole response; the connection ends after it. */
static void
send_answer(Conn *conn, const Answer *answer, bool head_only)
{
	Buf out = {0};

	stats.http_requests_total++;
	buf_printf(&out,
			   "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			   "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
			   "Connection: close\r\n%s\r\n",
			   answer->status, reason_phrase(answer->status), answer->content_type,
			   answer->body.len, answer->extra ? answer->extra : "");
	if (!head_only)
		buf_append(&out, answer->body.data, answer->body.len);
	conn_set_state(conn, CONN_HTTP);
	conn_send_raw(conn, &out);
	buf_free(&out);
}

/* Alive is all it says. */
static void
answer_healthz(const Gateway *gateway, Answer *answer)
{
	(void) gateway;
	answer->content_type = "text/plain; charset=utf-8";
	buf_puts(&answer->body, "ok\n");
}

/* Can clients be served, and how does the feed learn of events? */
static void
answer_readyz(const Gateway *gateway, Answer *answer)
{
	bool ready = gateway->database_up && !gateway->draining;

	answer->status = ready ? 200 : 503;
	answer->content_type = "application/json";
	buf_printf(&answer->body,
			   "{\"ready\":%s,\"feed\":\"%s\",\"database\":\"%s\",\"draining\":%s,"
			   "\"connections\":%" PRId64 "}\n",
			   ready ? "true" : "false", feed_mode(gateway->feed),
			   gateway->database_up ? "up" : "down", gateway->draining ? "true" : "false",
			   stats.connections);
}

/* The counters. */
static void
answer_metrics(const Gateway *gateway, Answer *answer)
{
	answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_render(gateway, &answer->body);
}

typedef struct Route
{
	const char *path;
	void (*answer)(const Gateway *gateway, Answer *answer);
} Route;

static const Route routes[] = {
	{"/healthz", answer_healthz},
	{"/readyz", answer_readyz},
	{"/metrics", answer_metrics},
};

/* NULL when nothing is served there. */
static const Route *
find_route(const char *path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
	{
		if (strcmp(routes[i].path, path) == 0)
			return &routes[i];
	}
	return NULL;
}

void
http_request(const Gateway *gateway, Conn *conn, const HttpHead *head)
{
	const Route *route = find_route(head->path);
	bool head_only = strcmp(head->method, "HEAD") == 0;
	Answer answer = {.status = 200, .content_type = "text/plain; charset=utf-8"};

	if (route == NULL)
	{
		answer.status = 404;
		buf_puts(&answer.body, "there is nothing here\n");
	}
	else if (!head_only && strcmp(head->method, "GET") != 0)
	{
		answer.status = 405;
		answer.extra = "Allow: GET, HEAD\r\n";
	}
	else
		route->answer(gateway, &answer);
	send_answer(conn, &answer, head_only);
	buf_free(&answer.body);
}

void
http_refuse(Conn *conn, int status, const char *extra)
{
	Answer answer = {
		.status = status, .content_type = "text/plain; charset=utf-8", .extra = extra};

	buf_printf(&answer.body, "%s\n", reason_phrase(status));
	send_answer(conn, &answer, false);
	buf_free(&answer.body);
}
