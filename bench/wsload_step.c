/*
 * wsload_step.c
 *	  A step of the load: its beginning, its end, and what is said about it.
 *
 * What is claimed:
 *	 lost	events that a connection should have got and did not: by number on
 *			sampled connections, by count on the others
 *	 twice	numbers seen again on sampled connections, and event frames beyond
 *			the number written on the others
 * A step with lost = twice = late = stray = closed = 0 delivered every event to
 * every connection exactly once, proven by number on the sampled connections
 * and by count on the rest.
 */
#include "wsload.h"

#include <stdio.h>
#include <string.h>


/* CPU seconds of the server so far, 0 when it is not being watched. */
static double
server_cpu_s(const Program *program)
{
	return program->options.server_pid > 0 ? process_cpu_s(program->options.server_pid)
										   : 0;
}

/* Begin a step whose events are numbered from first_seq. */
void
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
void
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

/* Hold what every connection got against what was written for its channel. */
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
void
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
