/*
 * http.c: see http.h.
 */
#include "http.h"

#include "answer.h"
#include "clock.h"
#include "exchange.h"
#include "files.h"
#include "log.h"
#include "metrics.h"
#include "origins.h"
#include "ready.h"
#include "stats.h"
#include "ws.h"

#include <inttypes.h>
#include <string.h>

#define TEXT_PLAIN "text/plain; charset=utf-8"
#define METHOD_NAME_MAX 128

/* ------------------------------------------------------------ the gateway's pages */

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
	answer->content_type = "application/json";
	answer->status = ready_render(gateway, &answer->body);
}

/* The counters. */
static void
answer_metrics(const Gateway *gateway, Answer *answer)
{
	answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_render(gateway, &answer->body);
}

/* Whatever is there below static_dir. */
static void
answer_file(const Gateway *gateway, const HttpHead *head, Answer *answer)
{
	files_answer(gateway->config.static_dir, head, answer);
}

/* ----------------------------------------------------------------------- routes */

typedef struct Route
{
	const char *path;
	const char *methods; /* for Allow */
	/* a page, or else a session of that kind */
	void (*answer)(const Gateway *gateway, Answer *answer);
	ExchangeKind kind;
	bool is_prefix;
} Route;

static const Route routes[] = {
	{"/healthz", "GET, HEAD", answer_healthz, 0, false},
	{"/readyz", "GET, HEAD", answer_readyz, 0, false},
	{"/metrics", "GET, HEAD", answer_metrics, 0, false},
	{"/sse", "GET, OPTIONS", NULL, EXCHANGE_STREAM, false},
	{"/poll", "POST, OPTIONS", NULL, EXCHANGE_POLL, false},
	{"/rpc/", "POST, OPTIONS", NULL, EXCHANGE_CALL, true},
	{"/publish", "POST, OPTIONS", NULL, EXCHANGE_PUBLISH, false},
};

/* NULL: a file, if there is one. */
static const Route *
find_route(const char *path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
	{
		const Route *route = &routes[i];

		if (route->is_prefix ? strncmp(path, route->path, strlen(route->path)) == 0
							 : strcmp(path, route->path) == 0)
			return route;
	}
	return NULL;
}

/* Is it one of the methods of the list? */
static bool
method_is_allowed(const char *methods, const char *method)
{
	size_t len = strlen(method);
	const char *at = strstr(methods, method);

	return at != NULL && (at == methods || at[-1] == ' ') &&
		   (at[len] == ',' || at[len] == '\0');
}

/* The names that methods have; what is none is answered like one that is not there. */
static bool
method_name_is_plain(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
							  "0123456789_.-");

	return len > 0 && len <= METHOD_NAME_MAX && name[len] == '\0';
}

/* ------------------------------------------------------------------- refusals */

/* The same words as an error frame has. */
static void
refuse(Conn *conn, const char *origin, const WireError *error)
{
	Answer answer = {0};

	answer_set_error(&answer, error);
	answer_allow_origin(&answer.headers, origin);
	answer_send(conn, &answer);
}

/* A method that this path does not have. */
static void
refuse_method(Conn *conn, const char *methods)
{
	Answer answer = {.status = 405, .content_type = TEXT_PLAIN};

	buf_printf(&answer.headers, "Allow: %s\r\n", methods);
	answer_send(conn, &answer);
}

/* What a browser asks before it lets another origin's page ask. */
static void
answer_preflight(Conn *conn, const char *methods, const char *origin)
{
	Answer answer = {.status = 204};

	answer_allow_origin(&answer.headers, origin);
	buf_printf(&answer.headers,
			   "Allow: %s\r\nAccess-Control-Allow-Methods: %s\r\n"
			   "Access-Control-Allow-Headers: Authorization, Content-Type, "
			   "Idempotency-Key, Last-Event-ID\r\nAccess-Control-Max-Age: 600\r\n",
			   methods, methods);
	answer_send(conn, &answer);
}

/* A page of somebody else's. */
static void
refuse_origin(Conn *conn, const char *origin)
{
	stats.origins_refused_total++;
	log_info("origin refused", "address=%s origin=%s", conn_address(conn),
			 log_quote(origin));
	refuse(conn, NULL, &(WireError){.code = &error_forbidden, .message = "origin"});
}

/* Is there a token? Whether it is good is the database's to say. */
static bool
has_token(const Gateway *gateway, const HttpHead *head)
{
	Buf token = {0};
	bool has = exchange_token(&gateway->config, head, &token);

	buf_free(&token);
	return has;
}

/* For a session. */
static bool
admit_session(const Gateway *gateway, Conn *conn, const Route *route,
			  const HttpHead *head)
{
	const char *origin = http_header(head, "Origin");

	if (!origin_allowed(gateway->config.origins, origin))
		refuse_origin(conn, origin);
	else if (strcmp(head->method, "OPTIONS") == 0)
		answer_preflight(conn, route->methods, origin);
	else if (!method_is_allowed(route->methods, head->method))
		refuse_method(conn, route->methods);
	else if (gateway->draining)
		refuse(conn, origin,
			   &(WireError){.code = &error_unavailable,
							.message = "restarting",
							.retry_after = 500 + clock_jitter(1000)});
	else if (!has_token(gateway, head))
		refuse(conn, origin,
			   &(WireError){.code = &error_unauthorized, .message = "a token is needed"});
	else if (route->kind == EXCHANGE_CALL &&
			 !method_name_is_plain(head->path + strlen(route->path)))
		refuse(conn, origin,
			   &(WireError){.code = &error_not_found, .message = "no such method"});
	else
		return true;
	return false;
}

/*
 * Metrics are for who looks after the gateway: on an address of their own, or on this
 * machine, unless something in between says that it speaks for somebody else.
 */
static bool
may_have(const Gateway *gateway, const Conn *conn, const HttpHead *head,
		 const Route *route)
{
	if (conn->internal)
		return route != NULL && route->answer != NULL;
	if (route == NULL || route->answer != answer_metrics)
		return true;
	return *gateway->config.metrics_listen == '\0' &&
		   address_is_local(conn_address(conn)) && http_header(head, "Via") == NULL &&
		   http_header(head, "Forwarded") == NULL &&
		   (http_header(head, "X-Forwarded-For") == NULL ||
			strcmp(conn->peer, conn->address) != 0);
}

bool
http_admit(const Gateway *gateway, Conn *conn, const HttpHead *head)
{
	const Route *route = find_route(head->path);
	bool has_files = *gateway->config.static_dir != '\0';

	/* whose it is must be beyond doubt, too */
	if (http_header_count(head, "Host") > 1 ||
		http_header_count(head, "Authorization") > 1)
	{
		http_refuse(conn, 400, "");
		return false;
	}
	if (!may_have(gateway, conn, head, route))
	{
		http_refuse(conn, 404, "");
		return false;
	}
	if (route != NULL && route->answer == NULL)
		return admit_session(gateway, conn, route, head);
	if ((route == NULL && !has_files) || method_is_allowed("GET, HEAD", head->method))
		return true;
	refuse_method(conn, "GET, HEAD");
	return false;
}

void
http_request(Gateway *gateway, Conn *conn, const HttpHead *head, Buf *body)
{
	const Route *route = find_route(head->path);
	Answer answer = {.status = 200, .content_type = TEXT_PLAIN};

	if (route != NULL && route->answer == NULL)
	{
		exchange_begin(gateway, conn, route->kind, head, body);
		return;
	}
	answer.head_only = strcmp(head->method, "HEAD") == 0;
	if (route != NULL)
		route->answer(gateway, &answer);
	else
		answer_file(gateway, head, &answer);
	answer_send(conn, &answer);
}

void
http_refuse(Conn *conn, int status, const char *extra)
{
	Answer answer = {.status = status, .content_type = TEXT_PLAIN};

	conn->keep_alive = false; /* where the next request would begin is not known */
	buf_puts(&answer.headers, extra);
	buf_printf(&answer.body, "%d\n", status);
	answer_send(conn, &answer);
}
