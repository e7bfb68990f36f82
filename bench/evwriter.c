/*
 * evwriter.c
 *	  Writes numbered events through wrk.emit() at a given rate.
 *
 * Event number s goes to channel s modulo the number of channels and carries
 * {"seq": s, "t_us": T, "padding": "..."}.  T is CLOCK_REALTIME taken just
 * before the transaction is sent to the server, so every latency measured from
 * it holds the whole transaction: INSERT, WAL flush and commit, and then the
 * way to the client.  How long the transactions themselves took is reported
 * beside it (commit_p50_us ...), for whoever wants to subtract it.
 *
 * One connection, one transaction at a time, at most --ticks transactions a
 * second: a transaction carries all events due by then, so one up to 1,000
 * events a second and several above.  A writer that falls behind catches up
 * with larger transactions; if it cannot, events_per_s says so.
 */
#include "hist.h"
#include "util.h"

#include <getopt.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const usage_text =
	"usage: evwriter --events M --channels FILE --tenant T [option ...]\n"
	"  --conninfo S   libpq connection string (environment)\n"
	"  --channels F   canonical channel names, one a line\n"
	"  --tenant T     tenant of the events\n"
	"  --rate R       events a second; 0 = as fast as it goes (100)\n"
	"  --first S      number of the first event (0)\n"
	"  --bytes B      of a payload as text (300)\n"
	"  --ticks N      transactions a second at most (1000)\n"
	"  --batch N      events in a transaction at most (1000)\n";

/*
 * $1 now, $2 padding, $3 channels, $4 first, $5 last, $6 tenant.  The tenant is
 * named, not impersonated: impersonation is for acting as somebody, and logged.
 */
static const char *const emit_sql =
	"SELECT pg_catalog.count(wrk.emit('bench.tick',"
	" pg_catalog.jsonb_build_object('seq', s, 't_us', $1::bigint,"
	"  'padding', pg_catalog.repeat('x', $2::int)),"
	" ARRAY[($3::text[])[1 + s % pg_catalog.cardinality($3::text[])]],"
	" tenant_id => $6))"
	" FROM pg_catalog.generate_series($4::bigint, $5::bigint) AS s";

/* The command line. */
typedef struct Options
{
	const char *conninfo;
	const char *channels_path;
	const char *tenant;
	uint64_t events;
	uint64_t rate;  /* events a second, 0 = as fast as it goes */
	uint64_t first; /* number of the first event */
	uint64_t bytes; /* of a payload as text */
	uint64_t ticks; /* transactions a second at most */
	uint64_t batch; /* events in a transaction at most */
} Options;

/* What was written. */
typedef struct Written
{
	uint64_t events;
	uint64_t transactions;
	double seconds;
	Hist commit; /* microseconds of a transaction, as the client sees it */
} Written;

static const struct option long_options[] = {
	{"conninfo", required_argument, NULL, 'c'},
	{"channels", required_argument, NULL, 'C'},
	{"tenant", required_argument, NULL, 't'},
	{"events", required_argument, NULL, 'm'},
	{"rate", required_argument, NULL, 'r'},
	{"first", required_argument, NULL, 'f'},
	{"bytes", required_argument, NULL, 'B'},
	{"ticks", required_argument, NULL, 'k'},
	{"batch", required_argument, NULL, 'b'},
	{NULL, 0, NULL, 0},
};


/* Take one option of the command line. */
static void
take_option(Options *options, int option)
{
	switch (option)
	{
		case 'c':
			options->conninfo = optarg;
			break;
		case 'C':
			options->channels_path = optarg;
			break;
		case 't':
			options->tenant = optarg;
			break;
		case 'm':
			options->events = parse_number("--events", optarg, 1, 1u << 30);
			break;
		case 'r':
			options->rate = parse_number("--rate", optarg, 0, 1000000);
			break;
		case 'f':
			options->first = parse_number("--first", optarg, 0, (uint64_t) 1 << 50);
			break;
		case 'B':
			options->bytes = parse_number("--bytes", optarg, 80, 8u << 20);
			break;
		case 'k':
			options->ticks = parse_number("--ticks", optarg, 1, 1000000);
			break;
		case 'b':
			options->batch = parse_number("--batch", optarg, 1, 100000);
			break;
		default:
			fatal("%s", usage_text);
	}
}

/* Connect and prepare the statement. */
static PGconn *
connect_writer(const Options *options)
{
	PGconn *conn = PQconnectdb(options->conninfo);
	PGresult *result;

	if (PQstatus(conn) != CONNECTION_OK)
		fatal("%s", PQerrorMessage(conn));
	result = PQprepare(conn, "emit", emit_sql, 6, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fatal("%s", PQerrorMessage(conn));
	PQclear(result);
	return conn;
}

/* The channels of the file as text[] input.  Owned by the caller. */
static char *
channel_array(const char *path)
{
	Lines lines = lines_read(path);
	size_t size = 3;
	char *text;
	char *at;

	for (size_t i = 0; i < lines.count; i++)
		size += strlen(lines.line[i]) + 3;
	at = text = xmalloc(size);
	*at++ = '{';
	for (size_t i = 0; i < lines.count; i++)
	{
		if (strpbrk(lines.line[i], "\"\\") != NULL)
			fatal("channel name %s has a quote", lines.line[i]);
		at += sprintf(at, "%s\"%s\"", i > 0 ? "," : "", lines.line[i]);
	}
	strcpy(at, "}");
	lines_free(&lines);
	return text;
}

/* Write the events first .. last in one transaction. */
static void
write_batch(PGconn *conn, const Options *options, const char *channels, uint64_t first,
			uint64_t last, Hist *commit)
{
	char now[24];
	char padding[24];
	char from[24];
	char to[24];
	const char *const values[] = {now, padding, channels, from, to, options->tenant};
	uint64_t start = clock_mono_us();
	PGresult *result;
	int bare;

	snprintf(now, sizeof(now), "%llu", (unsigned long long) clock_real_us());
	snprintf(from, sizeof(from), "%llu", (unsigned long long) first);
	snprintf(to, sizeof(to), "%llu", (unsigned long long) last);
	bare = snprintf(NULL, 0, "{\"seq\": %s, \"t_us\": %s, \"padding\": \"\"}", from, now);
	snprintf(padding, sizeof(padding), "%llu",
			 (unsigned long long) options->bytes - (unsigned) bare);
	result = PQexecPrepared(conn, "emit", 6, values, NULL, NULL, 0);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fatal("%s", PQerrorMessage(conn));
	PQclear(result);
	hist_add(commit, clock_mono_us() - start);
}

/* Write all events at the rate asked for, or as near as the server can. */
static void
write_events(PGconn *conn, const Options *options, const char *channels, Written *written)
{
	uint64_t start = clock_mono_us();
	uint64_t tick = 1000000 / options->ticks;
	uint64_t next_tick = start;

	while (written->events < options->events && !stop_requested)
	{
		uint64_t due = options->events;
		uint64_t count;

		if (options->rate > 0)
		{
			uint64_t next_due = start + written->events * 1000000 / options->rate;

			sleep_until_mono_us(next_due > next_tick ? next_due : next_tick);
			due = (clock_mono_us() - start) * options->rate / 1000000 + 1;
		}
		if (due > options->events)
			due = options->events;
		count = due - written->events;
		if (count > options->batch)
			count = options->batch;
		next_tick = clock_mono_us() + tick;
		write_batch(conn, options, channels, options->first + written->events,
					options->first + written->events + count - 1, &written->commit);
		written->events += count;
		written->transactions++;
	}
	written->seconds = (double) (clock_mono_us() - start) / 1e6;
}

/* Say what was written, and how long the transactions took. */
static void
report(const Written *written)
{
	printf("{\"report\":\"written\",\"events\":%llu,\"transactions\":%llu,"
		   "\"seconds\":%.4f,\"events_per_s\":%.1f,\"commit_p50_us\":%llu,"
		   "\"commit_p95_us\":%llu,\"commit_max_us\":%llu}\n",
		   (unsigned long long) written->events,
		   (unsigned long long) written->transactions, written->seconds,
		   (double) written->events / written->seconds,
		   (unsigned long long) hist_quantile(&written->commit, 0.50),
		   (unsigned long long) hist_quantile(&written->commit, 0.95),
		   (unsigned long long) written->commit.max);
}

int
main(int argc, char **argv)
{
	static Written written;
	Options options = {
		.conninfo = "", .rate = 100, .bytes = 300, .ticks = 1000, .batch = 1000};
	PGconn *conn;
	char *channels;
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		take_option(&options, option);
	if (optind != argc || options.events == 0 || options.channels_path == NULL ||
		options.tenant == NULL)
		fatal("%s", usage_text);
	install_stop_signals();
	channels = channel_array(options.channels_path);
	conn = connect_writer(&options);
	write_events(conn, &options, channels, &written);
	PQfinish(conn);
	free(channels);
	report(&written);
	return stop_requested ? EXIT_FAILURE : EXIT_SUCCESS;
}
