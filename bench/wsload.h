/*
 * wsload.h
 *	  The parts of the load client: its options, its steps, its loop.
 */
#ifndef BENCH_WSLOAD_H
#define BENCH_WSLOAD_H

#include "util.h"
#include "wsconn.h"

#define MAX_LINE 128

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
	uint64_t churn;  /* cycles of connecting and leaving, 0 = none */
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

extern void take_options(Program *program, int argc, char **argv);

extern void step_begin(Program *program, uint64_t first_seq, const char *label);
extern void step_expect(Program *program, uint64_t events);
extern void step_check(Program *program);

#endif /* BENCH_WSLOAD_H */
