/*
 * metrics.c: see metrics.h. Format: Prometheus text exposition 0.0.4.
 */
#include "metrics.h"

#include "board.h"
#include "feed.h"
#include "ready.h"
#include "stats.h"
#include "tls.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* 0 when the kernel does not tell. */
static int64_t
resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long total = 0;
	long resident = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%ld %ld", &total, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * sysconf(_SC_PAGESIZE);
}

/* As the allocator counts it: without what it keeps for later. */
static int64_t
heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return (int64_t) (info.uordblks + info.hblkhd);
}

/* User and system time of the process. */
static double
cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		   (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* A gauge for each mode, one of them 1. */
static void
append_feed_mode(const Gateway *gateway, Buf *out)
{
	static const char *const modes[] = {"doorbell", "polling", "down"};
	const char *mode = feed_mode(gateway->feed);

	buf_puts(out, "# HELP wrk_gateway_feed_mode How the feed learns of events\n"
				  "# TYPE wrk_gateway_feed_mode gauge\n");
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		buf_printf(out, "wrk_gateway_feed_mode{mode=\"%s\"} %d\n", modes[i],
				   strcmp(mode, modes[i]) == 0);
}

/* The lines in front of a family's samples. */
static void
append_family(Buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP wrk_gateway_%s %s\n# TYPE wrk_gateway_%s %s\n", name, help,
			   name, type);
}

/* Commit to write, as far as two machines' clocks agree. */
static void
append_delivery(Buf *out, const Histogram *delivery)
{
	static const int64_t bounds[] = METER_BOUNDS;
	int64_t count = 0;

	append_family(out, "delivery_seconds", "histogram",
				  "From the writing of an event until it was handed to sockets");
	for (size_t i = 0; i < METER_BUCKETS - 1; i++)
	{
		count += delivery->buckets[i];
		buf_printf(out, "wrk_gateway_delivery_seconds_bucket{le=\"%g\"} %" PRId64 "\n",
				   (double) bounds[i] / 1000, count);
	}
	count += delivery->buckets[METER_BUCKETS - 1];
	buf_printf(out,
			   "wrk_gateway_delivery_seconds_bucket{le=\"+Inf\"} %" PRId64 "\n"
			   "wrk_gateway_delivery_seconds_sum %.3f\n"
			   "wrk_gateway_delivery_seconds_count %" PRId64 "\n",
			   count, (double) delivery->sum_ms / 1000, count);
}

/* A sample for each class of frames. */
static void
append_classes(Buf *out, const char *name, const char *help, const int64_t *counts)
{
	static const char *const classes[METER_CLASSES] = {"critical", "state", "ephemeral",
													   "reply"};

	append_family(out, name, "counter", help);
	for (size_t i = 0; i < METER_CLASSES; i++)
		buf_printf(out, "wrk_gateway_%s{class=\"%s\"} %" PRId64 "\n", name, classes[i],
				   counts[i]);
}

/* Why frames that were meant for clients did not go out as they were. */
static void
append_drops(Buf *out, const Stats *total)
{
	append_family(out, "drops_total", "counter", "Frames dropped or replaced, by reason");
	buf_printf(out,
			   "wrk_gateway_drops_total{reason=\"ephemeral_full\"} %" PRId64 "\n"
			   "wrk_gateway_drops_total{reason=\"state_replaced\"} %" PRId64 "\n"
			   "wrk_gateway_drops_total{reason=\"ephemeral_replaced\"} %" PRId64 "\n"
			   "wrk_gateway_drops_total{reason=\"bus_full\"} %" PRId64 "\n"
			   "wrk_gateway_drops_total{reason=\"ephemeral_refused\"} %" PRId64 "\n"
			   "wrk_gateway_drops_total{reason=\"slow_gap\"} %" PRId64 "\n"
			   "wrk_gateway_drops_total{reason=\"skipped\"} %" PRId64 "\n",
			   total->dropped_ephemeral_total, total->coalesced_state_total,
			   total->ephemeral_replaced_total, total->bus_dropped_total,
			   total->ephemeral_refused_total, total->dropped_gap_total,
			   total->skipped_total);
}

/* Why connections ended. */
static void
append_closes(Buf *out, const Meter *labelled)
{
	const char *label;

	append_family(out, "closes_total", "counter",
				  "Connections that ended, by the code we sent; peer: they did; lost");
	for (size_t i = 0; (label = meter_close_label(i)) != NULL; i++)
		buf_printf(out, "wrk_gateway_closes_total{code=\"%s\"} %" PRId64 "\n", label,
				   labelled->closes[i]);
}

/* A label's value; names are the database's, but a label has rules. */
static void
append_label(Buf *out, const char *name)
{
	for (; *name; name++)
	{
		if (*name == '"' || *name == '\\' || (unsigned char) *name < 0x20)
			buf_append(out, "_", 1);
		else
			buf_append(out, name, 1);
	}
}

/* One code of one method. */
static void
append_call(Buf *out, const char *method, const char *code, int64_t count)
{
	buf_puts(out, "wrk_gateway_calls_total{method=\"");
	append_label(out, *method ? method : "other");
	buf_printf(out, "\",code=\"%s\"} %" PRId64 "\n", code, count);
}

/* The codes of one method. */
static void
append_method(Buf *out, const MeterMethod *entry)
{
	for (size_t i = 0; i < METER_CODES && entry->codes[i].code[0] != '\0'; i++)
		append_call(out, entry->method, entry->codes[i].code, entry->codes[i].count);
	if (entry->other > 0)
		append_call(out, entry->method, "other", entry->other);
}

/* What became of calls. */
static void
append_calls(Buf *out, const Meter *labelled)
{
	append_family(out, "calls_total", "counter",
				  "Calls by method and code of the answer");
	for (size_t i = 0; i < METER_METHODS && labelled->methods[i].method[0] != '\0'; i++)
		append_method(out, &labelled->methods[i]);
	append_method(out, &labelled->methods[METER_METHODS]);
}

/* How many processes there are, and what this one is like. */
static void
append_processes(Buf *out)
{
	append_family(out, "workers", "gauge", "Processes that share the port");
	buf_printf(out, "wrk_gateway_workers %d\n", board_workers());
	append_family(out, "workers_ready", "gauge", "Of them ready");
	buf_printf(out, "wrk_gateway_workers_ready %d\n", board_count(WORKER_READY));
	append_family(out, "tls_not_after_seconds", "gauge",
				  "Unix time of the certificate's end, 0 without TLS");
	buf_printf(out, "wrk_gateway_tls_not_after_seconds %" PRId64 "\n", tls_expires_at());
	append_family(out, "heap_bytes", "gauge", "Memory of this process that is in use");
	buf_printf(out, "wrk_gateway_heap_bytes %" PRId64 "\n", heap_bytes());
	buf_printf(out,
			   "# HELP process_resident_memory_bytes Resident memory of this process\n"
			   "# TYPE process_resident_memory_bytes gauge\n"
			   "process_resident_memory_bytes %" PRId64 "\n"
			   "# HELP process_cpu_seconds_total CPU time of this process\n"
			   "# TYPE process_cpu_seconds_total counter\n"
			   "process_cpu_seconds_total %.3f\n",
			   resident_bytes(), cpu_seconds());
}

void
metrics_render(const Gateway *gateway, Buf *out)
{
	static Meter labelled; /* large */
	Stats total;

	ready_pulse(gateway);
	board_sum(&total, &labelled);
#define X(member, type, help) \
	append_family(out, #member, #type, help); \
	buf_printf(out, "wrk_gateway_" #member " %" PRId64 "\n", total.member);
	STATS_TABLE(X)
#undef X
	append_feed_mode(gateway, out);
	append_delivery(out, &labelled.delivery);
	append_classes(out, "class_frames_total", "Frames handed to connections, by class",
				   labelled.class_frames);
	append_classes(out, "class_bytes_total", "Bytes of them", labelled.class_bytes);
	append_drops(out, &total);
	append_closes(out, &labelled);
	append_calls(out, &labelled);
	append_processes(out);
}
