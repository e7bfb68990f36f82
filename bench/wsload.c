/*
 * wsload.c
 *	  Load client: N authenticated WebSocket connections of one thread.
 *
 * It opens the connections, says "live" when all of them are subscribed, and
 * then counts.  Steps are driven by lines on stdin (--control), or there is
 * one step of --events events.  For each step one line of JSON goes to stdout
 * (--table: one line of a table).
 */
#include "wsload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MAX_EVENTS 512


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

/* Open what is closed while cycles are left, and let go of what is live. */
static void
churn_once(Program *program, uint64_t *begun, uint64_t *ended)
{
	const Options *options = &program->options;

	for (uint32_t i = 0; i < options->connections; i++)
	{
		Conn *conn = &program->conns[i];

		if (conn->state == CONN_LIVE)
		{
			conn_free(conn);
			(*ended)++;
		}
		else if (conn->state == CONN_CLOSED && !conn->freed)
			fatal("closed before it was live: %s", program->load.last_close);
		if ((conn->state == CONN_CLOSED || conn->state == CONN_UNUSED) &&
			*begun < options->churn)
		{
			conn_renew(conn);
			conn_open(conn);
			(*begun)++;
		}
	}
}

/* Connect, become live and leave, over and over. */
static void
run_churn(Program *program)
{
	uint64_t start = clock_mono_us();
	uint64_t begun = 0;
	uint64_t ended = 0;
	bool ignored = false;
	double seconds;

	while (ended < program->options.churn && !stop_requested)
	{
		churn_once(program, &begun, &ended);
		turn(program, 20, &ignored);
		if (clock_mono_us() - start > program->options.timeout_s * 1000000)
			fatal("only %llu cycles in time, last: %s", (unsigned long long) ended,
				  program->load.last_close);
	}
	seconds = (double) (clock_mono_us() - start) / 1e6;
	printf("{\"report\":\"churn\",\"cycles\":%llu,\"seconds\":%.3f,"
		   "\"cycles_per_s\":%.0f}\n",
		   (unsigned long long) ended, seconds, (double) ended / seconds);
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
	if (program.options.churn > 0)
	{
		run_churn(&program);
		finish(&program);
		return stop_requested ? EXIT_FAILURE : EXIT_SUCCESS;
	}
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
