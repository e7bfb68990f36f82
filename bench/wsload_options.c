/*
 * wsload_options.c
 *	  The command line of the load client.
 *
 * A value is either right or the end of the program: a benchmark that guesses
 * what was meant measures something else.
 */
#include "wsload.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>

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
	"  --churn M         connect and leave M times, --connections at a time, end\n"
	"  --control         read steps from stdin: begin FIRST_SEQ [LABEL] | end EVENTS | quit\n"
	"  --table           a table for people instead of JSON lines\n";

/* The letters are only names for the switches below; there are no short options. */
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
	{"churn", required_argument, NULL, 'u'},
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
		case 'u':
			options->churn = parse_number("--churn", value, 1, 1u << 30);
			return true;
		default:
			return false;
	}
}

/* Take the command line; anything not understood ends the program. */
void
take_options(Program *program, int argc, char **argv)
{
	Options *options = &program->options;
	int option;

	set_event_type(&program->load, "bench.");
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
		(options->events > 0) + (options->idle_s > 0) + (options->churn > 0) +
				options->control !=
			1)
		fatal("%swith one of --events, --idle, --churn and --control", usage_text);
}
