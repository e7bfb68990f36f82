/*
 * jobworker.c
 *	  The reference worker: claims jobs of a queue and does them with a statement.
 *
 * It shows what any worker has to do, in any language:
 *
 *	- listen to wrk_job before the first claim, claim until there is nothing, then
 *	  wait for the queue's name (or an empty one: any queue), at most --poll: nobody
 *	  rings when a delay or a lease ends
 *	- do what cannot be rolled back (--outside: a mail, say) outside of a transaction.
 *	  It may happen again; job id and token tell the repetitions apart
 *	- do the rest (--work) in one transaction: wrk.job_hold(), so that nobody else gets
 *	  the job while it lasts; wrk.impersonate(), for a job of a tenant;
 *	  wrk.job_complete(); COMMIT.  It happens exactly once
 *	- keep the rest of a batch with wrk.job_heartbeat()
 *	- say wrk.job_fail() of what fails, and nothing of what is lost (WK409)
 *
 * The connection's role is a member of wrk_service.  SIGTERM ends it between two jobs.
 */
#include <errno.h>
#include <getopt.h>
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const usage_text =
	"usage: jobworker --queue Q --work SQL [option ...]\n"
	"  --work SQL      $1 id and $2 token (bigint), $3 payload (jsonb), $4 worker\n"
	"  --outside SQL   the same parameters; before, in a transaction of its own\n"
	"  --conninfo S    libpq connection string (environment)\n"
	"  --name N        of this worker (its process id)\n"
	"  --batch N       jobs in a claim (10)\n"
	"  --lease S       seconds (60)\n"
	"  --poll MS       look again after so long in any case (1000)\n"
	"  --drain         end when the queue has no open job\n";

/* the command line */
static const char *queue, *work, *outside, *conninfo = "";
static const char *batch = "10", *lease = "60";
static char name[64];
static int poll_ms = 1000;
static bool drain = false;

static PGconn *conn;
static volatile sig_atomic_t stopped = 0;
static unsigned long done = 0, failed = 0, lost = 0;


static void
stop(int signal_number)
{
	(void) signal_number;
	stopped = 1;
}

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "jobworker %s: %s: %s", name, what, PQerrorMessage(conn));
	exit(1);
}

/* NULL on an error; whoever gets a result clears it */
static PGresult *
ask(const char *sql, int n, const char *const *params, const Oid *types)
{
	PGresult *result = PQexecParams(conn, sql, n, types, params, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	if (PQstatus(conn) != CONNECTION_OK)
		die("connection");
	PQclear(result);
	return NULL;
}

static bool
say(const char *sql, int n, const char *const *params)
{
	PGresult *result = ask(sql, n, params, NULL);

	PQclear(result);
	return result != NULL;
}

/* a statement of the user's, who need not use all parameters */
static bool
say_job(const char *sql, const char *const *params)
{
	static const Oid types[] = {20, 20, 3802, 25}; /* bigint, bigint, jsonb, text */
	PGresult *result = ask(sql, 4, params, types);

	PQclear(result);
	return result != NULL;
}

/* one job, as claimed; points into the result of the claim */
typedef struct Job
{
	const char *id;
	const char *token;
	const char *tenant; /* NULL = none */
	const char *payload;
} Job;

static bool
do_inside(const Job *job, bool *is_lost)
{
	const char *params[] = {job->id, job->token, job->payload, name};
	const char *tenant[] = {job->tenant};

	*is_lost = !say("SELECT wrk.job_hold($1, $2)", 2, params);
	return !*is_lost &&
		   (job->tenant == NULL ||
			say("SELECT wrk.impersonate($1, NULL, '{system}')", 1, tenant)) &&
		   say_job(work, params) && say("SELECT wrk.job_complete($1, $2)", 2, params);
}

static void
do_job(const Job *job)
{
	const char *params[] = {job->id, job->token, job->payload, name};
	char message[1000];
	bool is_lost = false;

	if ((outside == NULL || say_job(outside, params)) && say("BEGIN", 0, NULL) &&
		do_inside(job, &is_lost) && say("COMMIT", 0, NULL))
	{
		done++;
		return;
	}
	snprintf(message, sizeof(message), "%s", PQerrorMessage(conn));
	(void) say("ROLLBACK", 0, NULL);
	if (!is_lost)
	{
		const char *failure[] = {job->id, job->token, message};

		is_lost = !say("SELECT wrk.job_fail($1, $2, $3)", 3, failure);
	}
	if (is_lost)
		lost++;
	else
		failed++;
}

static time_t
monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* true if there was something to do */
static bool
claim_and_do(void)
{
	const char *params[] = {queue, name, batch, lease};
	PGresult *claimed =
		ask("SELECT id, token, tenant_id, payload"
			" FROM wrk.job_claim($1, $2, $3, pg_catalog.make_interval(secs => $4))",
			4, params, NULL);
	time_t since = monotonic();
	int n = PQntuples(claimed);

	if (claimed == NULL)
		die("claim");
	for (int i = 0; i < n && !stopped; i++)
	{
		Job job = {PQgetvalue(claimed, i, 0), PQgetvalue(claimed, i, 1),
				   PQgetisnull(claimed, i, 2) ? NULL : PQgetvalue(claimed, i, 2),
				   PQgetvalue(claimed, i, 3)};

		do_job(&job);
		/* those that wait behind it; what is lost already will be found out */
		if (monotonic() - since > atoi(lease) / 3)
		{
			for (int k = i + 1; k < n; k++)
			{
				const char *kept[] = {PQgetvalue(claimed, k, 0),
									  PQgetvalue(claimed, k, 1), lease};

				(void) say("SELECT wrk.job_heartbeat($1, $2, "
						   "pg_catalog.make_interval(secs => $3))",
						   3, kept);
			}
			since = monotonic();
		}
	}
	PQclear(claimed);
	return n > 0;
}

/* a ring for this queue, since the last time */
static bool
rung(void)
{
	PGnotify *notify;
	bool ours = false;

	PQconsumeInput(conn);
	while ((notify = PQnotifies(conn)) != NULL)
	{
		if (notify->extra[0] == '\0' || strcmp(notify->extra, queue) == 0)
			ours = true;
		PQfreemem(notify);
	}
	return ours;
}

static void
wait_for_ring(void)
{
	struct pollfd socket = {.fd = PQsocket(conn), .events = POLLIN};

	while (!stopped && !rung() && poll(&socket, 1, poll_ms) > 0)
		;
}

static bool
has_open_jobs(void)
{
	const char *params[] = {queue};
	PGresult *result = ask("SELECT FROM wrk.job WHERE queue = $1"
						   " AND state IN ('ready', 'delayed', 'running') LIMIT 1",
						   1, params, NULL);
	bool any = result == NULL || PQntuples(result) > 0;

	PQclear(result);
	return any;
}

static void
read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{"queue", 1, NULL, 'q'}, {"work", 1, NULL, 'w'},  {"outside", 1, NULL, 'o'},
		{"name", 1, NULL, 'n'},  {"batch", 1, NULL, 'b'}, {"conninfo", 1, NULL, 'c'},
		{"lease", 1, NULL, 'l'}, {"poll", 1, NULL, 'p'},  {"drain", 0, NULL, 'd'},
		{NULL, 0, NULL, 0}};
	int option;

	snprintf(name, sizeof(name), "%d", (int) getpid());
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option)
		{
			case 'q':
				queue = optarg;
				break;
			case 'w':
				work = optarg;
				break;
			case 'o':
				outside = optarg;
				break;
			case 'c':
				conninfo = optarg;
				break;
			case 'n':
				snprintf(name, sizeof(name), "%s", optarg);
				break;
			case 'b':
				batch = optarg;
				break;
			case 'l':
				lease = optarg;
				break;
			case 'p':
				poll_ms = atoi(optarg);
				break;
			case 'd':
				drain = true;
				break;
			default:
				queue = NULL;
				optind = argc + 1;
		}
	if (queue == NULL || work == NULL || optind != argc)
	{
		fputs(usage_text, stderr);
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	struct sigaction on_term = {.sa_handler = stop};

	read_options(argc, argv);
	sigaction(SIGTERM, &on_term, NULL);
	sigaction(SIGINT, &on_term, NULL);
	conn = PQconnectdb(conninfo);
	/* errors as SQLSTATE and text, and before the first claim: what comes later rings */
	PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
	if (!say("LISTEN wrk_job", 0, NULL))
		die("cannot listen");
	while (!stopped)
	{
		if (claim_and_do())
			continue;
		if (drain && !has_open_jobs())
			break;
		wait_for_ring();
	}
	printf("{\"worker\":\"%s\",\"done\":%lu,\"failed\":%lu,\"lost\":%lu}\n", name, done,
		   failed, lost);
	PQfinish(conn);
	return 0;
}
