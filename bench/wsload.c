/*
 * wsload.c
 *	  Load client: N authenticated WebSocket connections of one thread.
 *
 * It opens the connections, says "live" when all of them are subscribed, and
 * then counts.  Steps are driven by lines on stdin (--control), or there is
 * one step of --events events.  For each step one line of JSON goes to stdout
 * (--table: one line of a table).
 *
 * What it claims of a step:
 *	 lost	connections' event frames missing from the number written, over all
 *			connections, plus event numbers missing on sampled connections
 *	 twice	frames beyond that number, plus numbers seen twice
 * A step with lost = twice = late = stray = closed = 0 delivered every event to
 * every connection exactly once, proven by number on the sampled connections
 * and by count on the others.
 */
#define _GNU_SOURCE
#include "util.h"
#include "wsconn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MAX_EVENTS 512
#define MAX_LINE 128

static const char *const usage_text =
	"usage: wsload --connect 127.0.0.1:PORT [option ...]\n"
	"  --connections N   connections to open (1)\n"
	"  --tokens FILE     one token a line, dealt out round robin (\"none\")\n"
	"  --channels FILE   one channel a line, dealt out round robin (no subscription)\n"
	"  --path PATH       of the upgrade request (/)\n"
	"  --event-type T    event types begin so (bench.)\n"
	"  --sample N        connections that check every event number (50)\n"
	"  --parallel N      handshakes at a time (64)\n"
	"  --server-pid PID  measure the CPU time and memory of this process\n"
	"  --timeout S       for the handshakes (60)\n"
	"  --quiet S         a step is over when nothing came for so long (2)\n"
	"  --events M        one step of M events, then end\n"
	"  --idle S          hold the connections for S seconds, report memory, end\n"
	"  --control         read steps from stdin: begin FIRST_SEQ [LABEL] | end EVENTS | quit\n"
	"  --table           a table for people instead of JSON lines\n";

/* The command line. */
typedef struct Options
{
	const char *tokens_path;
	const char *channels_path;
	uint32_t connections;
	uint32_t sample;
	uint32_t parallel;
	uint64_t timeout_s;
	uint64_t quiet_s;
	uint64_t events; /* 0 = no single step */
	uint64_t idle_s; /* 0 = not idle */
	pid_t server_pid;
	bool control;
	bool table;
} Options;

/* The step being measured. */
typedef struct Step
{
	bool running;
	bool ending; /* its number of events is known */
	uint64_t events;
	char label[32];
	double server_cpu_s; /* at its beginning */
	double own_cpu_s;
	uint64_t quiet_since; /* clock_mono_us of the last progress */
	uint64_t quiet_frames;
} Step;

/* One per program: what the loop works on. */
typedef struct Program
{
	Options options;
	Load load;
	Lines tokens;
	Lines channels;
	Conn *conns;
	uint32_t opened;
	uint64_t rss_before;
	Step step;
	char line[MAX_LINE]; /* of stdin, not complete yet */
	size_t line_length;
	bool quit;
} Program;


static const struct option long_options[] = {
	{"connect", required_argument, NULL, 'c'},
	{"connections", required_argument, NULL, 'n'},
	{"tokens", required_argument, NULL, 't'},
	{"channels", required_argument, NULL, 'C'},
	{"path", required_argument, NULL, 'p'},
	{"event-type", required_argument, NULL, 'E'},
	{"sample", required_argument, NULL, 's'},
	{"parallel", required_argument, NULL, 'P'},
	{"server-pid", required_argument, NULL, 'S'},
	{"timeout", required_argument, NULL, 'T'},
	{"quiet", required_argument, NULL, 'q'},
	{"events", required_argument, NULL, 'm'},
	{"idle", required_argument, NULL, 'i'},
	{"control", no_argument, NULL, 'x'},
	{"table", no_argument, NULL, 'b'},
	{NULL, 0, NULL, 0},
};

/* Set the bytes every event frame begins with. */
static void
set_event_type(Load *load, const char *type)
{
	static char head[40];
	int length = snprintf(head, sizeof(head), "{\"type\":\"%s", type);

	if (length >= (int) sizeof(head))
		fatal("event type \"%s\" is too long", type);
	load->event_head = head;
	load->event_head_length = (size_t) length;
}

/* Set the address to connect to. */
static void
set_server(Load *load, const char *text)
{
	char host[sizeof(load->host) - 8];
	uint16_t port;

	parse_host_port(text, host, sizeof(host), &port);
	load->server.sin_family = AF_INET;
	load->server.sin_port = htons(port);
	if (inet_pton(AF_INET, host, &load->server.sin_addr) != 1)
		fatal("\"%s\" is not an IPv4 address", host);
	snprintf(load->host, sizeof(load->host), "%s:%u", host, port);
}

/* Take one option with a number; false when it is none of these. */
static bool
take_number_option(Options *options, int option, const char *value)
{
	switch (option)
	{
		case 'n':
			options->connections =
				(uint32_t) parse_number("--connections", value, 1, 100000);
			return true;
		case 's':
			options->sample = (uint32_t) parse_number("--sample", value, 0, 100000);
			return true;
		case 'P':
			options->parallel = (uint32_t) parse_number("--parallel", value, 1, 4096);
			return true;
		case 'S':
			options->server_pid =
				(pid_t) parse_number("--server-pid", value, 1, 1u << 30);
			return true;
		case 'T':
			options->timeout_s = parse_number("--timeout", value, 1, 3600);
			return true;
		case 'q':
			options->quiet_s = parse_number("--quiet", value, 1, 3600);
			return true;
		case 'm':
			options->events = parse_number("--events", value, 1, 1u << 30);
			return true;
		case 'i':
			options->idle_s = parse_number("--idle", value, 1, 3600);
			return true;
		default:
			return false;
	}
}

/* Take the command line; anything not understood ends the program. */
static void
take_options(Program *program, int argc, char **argv)
{
	Options *options = &program->options;
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
	{
		if (take_number_option(options, option, optarg))
			continue;
		switch (option)
		{
			case 'c':
				set_server(&program->load, optarg);
				break;
			case 't':
				options->tokens_path = optarg;
				break;
			case 'C':
				options->channels_path = optarg;
				break;
			case 'p':
				program->load.path = optarg;
				break;
			case 'E':
				set_event_type(&program->load, optarg);
				break;
			case 'x':
				options->control = true;
				break;
			case 'b':
				options->table = true;
				break;
			default:
				fatal("%s", usage_text);
		}
	}
	if (optind != argc || program->load.server.sin_port == 0 ||
		(options->events > 0) + (options->idle_s > 0) + options->control != 1)
		fatal("%swith one of --events, --idle and --control", usage_text);
}

/* Give every connection its token, its channel and its part in the sample. */
static void
prepare(Program *program)
{
	Options *options = &program->options;
	uint32_t sample =
		options->sample < options->connections ? options->sample : options->connections;

	if (options->tokens_path != NULL)
		program->tokens = lines_read(options->tokens_path);
	if (options->channels_path != NULL)
		program->channels = lines_read(options->channels_path);
	program->load.tally.channels =
		program->channels.count > 0 ? (uint32_t) program->channels.count : 1;
	program->conns = xcalloc(options->connections, sizeof(Conn));
	for (uint32_t i = 0; i < options->connections; i++)
	{
		Conn *conn = &program->conns[i];

		conn->load = &program->load;
		conn->fd = -1;
		conn->index = i;
		conn->token = "none";
		if (program->tokens.count > 0)
			conn->token = program->tokens.line[i % program->tokens.count];
		conn->channel = i % program->load.tally.channels;
		if (program->channels.count > 0)
			conn->channel_name = program->channels.line[conn->channel];
		/* spread evenly: i is sampled when i * sample / connections steps up */
		conn->sampled = (uint64_t) i * sample / options->connections !=
						(uint64_t) (i + 1) * sample / options->connections;
	}
	program->load.in_state[CONN_UNUSED] = options->connections;
}

/* Let every socket that is ready be read, waiting at most so long. */
static void
turn(Program *program, int timeout_ms, bool *stdin_ready)
{
	struct epoll_event events[MAX_EVENTS];
	int count = epoll_wait(program->load.epoll_fd, events, MAX_EVENTS, timeout_ms);

	if (count < 0 && errno != EINTR)
		fatal("epoll_wait: %s", strerror(errno));
	for (int i = 0; i < count; i++)
	{
		if (events[i].data.ptr == NULL)
			*stdin_ready = true;
		else
			conn_ready(events[i].data.ptr, events[i].events);
	}
}

/* Open all connections, so many at a time, until all are live. */
static void
open_all(Program *program)
{
	const Options *options = &program->options;
	Load *load = &program->load;
	uint64_t start = clock_mono_us();
	bool ignored = false;

	while (load->in_state[CONN_LIVE] < options->connections && !stop_requested)
	{
		while (program->opened < options->connections &&
			   program->opened - load->in_state[CONN_LIVE] < options->parallel)
			conn_open(&program->conns[program->opened++]);
		turn(program, 100, &ignored);
		if (load->in_state[CONN_CLOSED] > 0)
			fatal("a connection was closed before it was live: %s", load->last_close);
		if (clock_mono_us() - start > options->timeout_s * 1000000)
			fatal("after %llu s only %u of %u connections are live",
				  (unsigned long long) options->timeout_s, load->in_state[CONN_LIVE],
				  options->connections);
	}
	if (stop_requested)
		return;
	if (options->table)
		printf("%u connections live after %.2f s\n", options->connections,
			   (double) (clock_mono_us() - start) / 1e6);
	else
		printf("{\"report\":\"live\",\"connections\":%u,\"seconds\":%.3f}\n",
			   options->connections, (double) (clock_mono_us() - start) / 1e6);
	fflush(stdout);
}

static double
server_cpu_s(const Program *program)
{
	return program->options.server_pid > 0 ? process_cpu_s(program->options.server_pid)
										   : 0;
}

/* Begin a step whose events are numbered from first_seq. */
static void
step_begin(Program *program, uint64_t first_seq, const char *label)
{
	Step *step = &program->step;

	if (first_seq % program->load.tally.channels != 0)
		fatal("a step must begin at a multiple of the %u channels",
			  program->load.tally.channels);
	tally_begin(&program->load.tally, first_seq);
	for (uint32_t i = 0; i < program->options.connections; i++)
	{
		program->conns[i].frames = 0;
		seen_reset(&program->conns[i].seen);
	}
	*step = (Step){.running = true};
	snprintf(step->label, sizeof(step->label), "%s", label);
	step->server_cpu_s = server_cpu_s(program);
	step->own_cpu_s = own_cpu_s();
	if (!program->options.table)
		printf("{\"report\":\"begun\",\"step\":\"%s\"}\n", step->label);
	fflush(stdout);
}

/* From now on the step ends when so many events are there, or nothing comes. */
static void
step_expect(Program *program, uint64_t events)
{
	program->step.ending = true;
	program->step.events = events;
	program->step.quiet_since = clock_mono_us();
	program->step.quiet_frames = program->load.tally.frames;
}

/* How many of a step's events go to a channel. */
static uint64_t
events_of_channel(const Program *program, uint32_t channel)
{
	uint64_t channels = program->load.tally.channels;

	return program->step.events / channels +
		   (channel < program->step.events % channels ? 1 : 0);
}

/* What came in a step, against what was written. */
typedef struct Verdict
{
	uint64_t expected; /* event frames, all connections */
	uint64_t lost;
	uint64_t twice;
} Verdict;

static Verdict
judge(const Program *program)
{
	Verdict verdict = {0, 0, program->load.tally.twice};

	for (uint32_t i = 0; i < program->options.connections; i++)
	{
		const Conn *conn = &program->conns[i];
		uint64_t expected = events_of_channel(program, conn->channel);
		uint64_t got = conn->sampled ? conn->seen.count : conn->frames;

		verdict.expected += expected;
		if (got < expected)
			verdict.lost += expected - got;
		else
			verdict.twice += got - expected;
	}
	return verdict;
}

/* Event frames a second, from the first to the last; one event takes no time. */
static double
frames_per_s(const Program *program)
{
	const Tally *tally = &program->load.tally;
	uint64_t first_round = program->options.connections / tally->channels;

	if (tally->last_us <= tally->first_us || tally->frames <= first_round)
		return 0;
	return (double) (tally->frames - first_round) * 1e6 /
		   (double) (tally->last_us - tally->first_us);
}

/* Print what the step brought, as JSON or as a line of a table. */
static void
step_report(Program *program)
{
	const Step *step = &program->step;
	const Tally *tally = &program->load.tally;
	Verdict verdict = judge(program);
	double cpu = server_cpu_s(program) - step->server_cpu_s;
	const char *format =
		program->options.table
			? "%-12s events %llu  frames %llu/%llu  lost %llu  twice %llu  late %llu  "
			  "stray %llu  gaps %llu  closed %u\n"
			  "             %.0f frames/s  %.0f B/frame  server %.3f CPU s, %.0f "
			  "frames/CPU s  client %.3f CPU s\n"
			  "             latency us: p50 %llu  p95 %llu  p99 %llu  max %llu\n"
			: "{\"report\":\"step\",\"step\":\"%s\",\"events\":%llu,\"frames\":%llu,"
			  "\"expected\":%llu,\"lost\":%llu,\"twice\":%llu,\"late\":%llu,"
			  "\"stray\":%llu,\"gaps\":%llu,\"closed\":%u,\"frames_per_s\":%.0f,"
			  "\"bytes_per_frame\":%.0f,\"server_cpu_s\":%.4f,\"frames_per_cpu_s\":%.0f,"
			  "\"client_cpu_s\":%.4f,\"p50_us\":%llu,\"p95_us\":%llu,\"p99_us\":%llu,"
			  "\"max_us\":%llu}\n";

	printf(format, step->label, (unsigned long long) step->events,
		   (unsigned long long) tally->frames, (unsigned long long) verdict.expected,
		   (unsigned long long) verdict.lost, (unsigned long long) verdict.twice,
		   (unsigned long long) tally->late, (unsigned long long) tally->stray,
		   (unsigned long long) tally->gaps, program->load.in_state[CONN_CLOSED],
		   frames_per_s(program),
		   tally->frames > 0 ? (double) tally->bytes / (double) tally->frames : 0.0, cpu,
		   cpu > 0 ? (double) tally->frames / cpu : 0.0, own_cpu_s() - step->own_cpu_s,
		   (unsigned long long) hist_quantile(&tally->latency, 0.50),
		   (unsigned long long) hist_quantile(&tally->latency, 0.95),
		   (unsigned long long) hist_quantile(&tally->latency, 0.99),
		   (unsigned long long) tally->latency.max);
	if (program->load.in_state[CONN_CLOSED] > 0)
		fprintf(stderr, "the last connection to be closed: %s\n",
				program->load.last_close);
	fflush(stdout);
}

/*
 * End the step when everything is there and 100 ms more brought nothing twice,
 * or when nothing has come for the quiet time.
 */
static void
step_check(Program *program)
{
	Step *step = &program->step;
	uint64_t frames = program->load.tally.frames;
	uint64_t connections = program->options.connections;
	uint64_t now = clock_mono_us();
	uint64_t patience = program->options.quiet_s * 1000000;

	if (!step->running || !step->ending)
		return;
	if (frames != step->quiet_frames)
	{
		step->quiet_frames = frames;
		step->quiet_since = now;
	}
	if (program->load.tally.channels == 1 && frames >= step->events * connections)
		patience = 100000;
	else if (program->load.tally.channels > 1 && frames >= judge(program).expected)
		patience = 100000;
	if (now - step->quiet_since < patience && !stop_requested)
		return;
	step_report(program);
	step->running = false;
}

/* One line of stdin. */
static void
take_command(Program *program, char *line)
{
	unsigned long long number = 0;
	char label[32] = "";

	if (sscanf(line, "begin %llu %31s", &number, label) >= 1)
		step_begin(program, number, label);
	else if (sscanf(line, "end %llu", &number) == 1 && program->step.running)
		step_expect(program, number);
	else if (strcmp(line, "quit") == 0)
		program->quit = true;
	else
		fatal("cannot follow the command \"%s\"", line);
}

/* Read stdin; its end is the command to quit. */
static void
take_stdin(Program *program)
{
	ssize_t got = read(STDIN_FILENO, program->line + program->line_length,
					   sizeof(program->line) - 1 - program->line_length);
	char *newline;

	if (got <= 0)
	{
		program->quit = true;
		return;
	}
	program->line_length += (size_t) got;
	program->line[program->line_length] = '\0';
	while ((newline = strchr(program->line, '\n')) != NULL)
	{
		*newline = '\0';
		take_command(program, program->line);
		program->line_length -= (size_t) (newline + 1 - program->line);
		memmove(program->line, newline + 1, program->line_length + 1);
	}
	if (program->line_length == sizeof(program->line) - 1)
		fatal("a command is too long");
}

/* Follow the commands of stdin until it says quit. */
static void
run_control(Program *program)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	if (epoll_ctl(program->load.epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
		fatal("--control needs a pipe or terminal as stdin: %s", strerror(errno));
	while (!program->quit && !stop_requested)
	{
		bool stdin_ready = false;

		turn(program, 20, &stdin_ready);
		if (stdin_ready)
			take_stdin(program);
		step_check(program);
	}
}

/*
 * One step of a known number of events, numbered from 0.  It was begun before
 * the connections were opened: this server sends once all are subscribed, which
 * can be before we know.
 */
static void
run_events(Program *program)
{
	bool ignored = false;

	while (program->load.tally.frames == 0 && !stop_requested)
	{
		turn(program, 20, &ignored);
		if (program->load.in_state[CONN_CLOSED] > 0)
			fatal("closed before the first event: %s", program->load.last_close);
	}
	step_expect(program, program->options.events);
	while (program->step.running)
	{
		turn(program, 20, &ignored);
		step_check(program);
	}
}

/* Hold the connections, then say what the server needs for each. */
static void
run_idle(Program *program)
{
	const Options *options = &program->options;
	uint64_t end = clock_mono_us() + options->idle_s * 1000000;
	uint64_t rss = 0;
	bool ignored = false;

	while (clock_mono_us() < end && !stop_requested)
		turn(program, 20, &ignored);
	if (options->server_pid > 0)
		rss = process_rss_bytes(options->server_pid);
	printf(
		options->table
			? "idle: %u connections, %u closed; server memory %llu -> %llu bytes, "
			  "%.0f bytes a connection\n"
			: "{\"report\":\"idle\",\"connections\":%u,\"closed\":%u,"
			  "\"rss_before\":%llu,\"rss_after\":%llu,\"bytes_per_connection\":%.0f}\n",
		options->connections, program->load.in_state[CONN_CLOSED],
		(unsigned long long) program->rss_before, (unsigned long long) rss,
		((double) rss - (double) program->rss_before) / options->connections);
}

/* Close and free everything. */
static void
finish(Program *program)
{
	for (uint32_t i = 0; i < program->opened; i++)
		conn_free(&program->conns[i]);
	free(program->conns);
	lines_free(&program->tokens);
	lines_free(&program->channels);
	close(program->load.epoll_fd);
}

int
main(int argc, char **argv)
{
	static Program program = {
		.options = {.connections = 1,
					.sample = 50,
					.parallel = 64,
					.timeout_s = 60,
					.quiet_s = 2},
		.load = {.path = "/"},
	};

	set_event_type(&program.load, "bench.");
	take_options(&program, argc, argv);
	install_stop_signals();
	raise_open_files(program.options.connections + 64);
	prepare(&program);
	if ((program.load.epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
		fatal("epoll_create1: %s", strerror(errno));
	if (program.options.server_pid > 0)
		program.rss_before = process_rss_bytes(program.options.server_pid);
	if (program.options.events > 0)
		step_begin(&program, 0, "events");
	open_all(&program);
	if (program.options.control)
		run_control(&program);
	else if (program.options.events > 0 && !stop_requested)
		run_events(&program);
	else if (!stop_requested)
		run_idle(&program);
	finish(&program);
	return stop_requested ? EXIT_FAILURE : EXIT_SUCCESS;
}
