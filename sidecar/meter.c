/*
 * meter.c: see meter.h.
 */
#include "meter.h"

#include <stdio.h>
#include <string.h>

Meter meter;

/* Codes that a close may have; what else there is counts as the last. */
static const struct
{
	int code;
	const char *label;
} closes[] = {
	{METER_CLOSE_PEER, "peer"},
	{METER_CLOSE_LOST, "lost"},
	{1000, "1000"},
	{1002, "1002"},
	{1009, "1009"},
	{1012, "1012"},
	{4400, "4400"},
	{4401, "4401"},
	{4408, "4408"},
	{4409, "4409"},
	{4429, "4429"},
	{4430, "4430"},
	{4501, "4501"},
	{4503, "4503"},
	{4505, "4505"},
	{4529, "4529"},
	{0, "other"},
};

#define NCLOSES (sizeof(closes) / sizeof(closes[0]))

_Static_assert(NCLOSES <= METER_CLOSES, "room for each");

void
histogram_observe(Histogram *histogram, int64_t ms)
{
	static const int64_t bounds[] = METER_BOUNDS;
	size_t i = 0;

	_Static_assert(sizeof(bounds) / sizeof(bounds[0]) + 1 == METER_BUCKETS,
				   "and the rest");
	if (ms < 0)
		ms = 0;
	while (i < METER_BUCKETS - 1 && ms > bounds[i])
		i++;
	histogram->buckets[i]++;
	histogram->sum_ms += ms;
}

void
meter_close(Meter *into, int code)
{
	size_t i = 0;

	while (i < NCLOSES - 1 && closes[i].code != code)
		i++;
	into->closes[i]++;
}

const char *
meter_close_label(size_t i)
{
	return i < NCLOSES ? closes[i].label : NULL;
}

/* The entry of a method; makes one when asked to and there is room, else "other". */
static MeterMethod *
find_method(Meter *in, const char *method, int make)
{
	/* "" is what "other" is called here, and free */
	for (size_t i = 0; *method != '\0' && i < METER_METHODS; i++)
	{
		MeterMethod *entry = &in->methods[i];

		if (strcmp(entry->method, method) == 0)
			return entry;
		if (entry->method[0] != '\0')
			continue;
		if (!make || strlen(method) >= sizeof(entry->method))
			break;
		snprintf(entry->method, sizeof(entry->method), "%s", method);
		return entry;
	}
	return &in->methods[METER_METHODS];
}

/* Counts a code of a method. */
static void
add_code(MeterMethod *entry, const char *code, int64_t count)
{
	for (size_t i = 0; i < METER_CODES; i++)
	{
		MeterCode *slot = &entry->codes[i];

		if (slot->code[0] == '\0' && strlen(code) < sizeof(slot->code))
			snprintf(slot->code, sizeof(slot->code), "%s", code);
		if (strcmp(slot->code, code) != 0)
			continue;
		slot->count += count;
		return;
	}
	entry->other += count;
}

void
meter_call(Meter *into, const char *method, const char *code)
{
	add_code(find_method(into, method, strcmp(code, "ok") == 0), code, 1);
}

/* Adds the counts of one method. */
static void
add_method(Meter *into, const MeterMethod *from)
{
	MeterMethod *entry = find_method(into, from->method, 1);

	for (size_t i = 0; i < METER_CODES && from->codes[i].code[0] != '\0'; i++)
		add_code(entry, from->codes[i].code, from->codes[i].count);
	entry->other += from->other;
}

void
meter_add(Meter *into, const Meter *from)
{
	for (size_t i = 0; i < METER_BUCKETS; i++)
		into->delivery.buckets[i] += from->delivery.buckets[i];
	into->delivery.sum_ms += from->delivery.sum_ms;
	for (size_t i = 0; i < METER_CLASSES; i++)
	{
		into->class_frames[i] += from->class_frames[i];
		into->class_bytes[i] += from->class_bytes[i];
	}
	for (size_t i = 0; i < METER_CLOSES; i++)
		into->closes[i] += from->closes[i];
	for (size_t i = 0; i < METER_METHODS && from->methods[i].method[0] != '\0'; i++)
		add_method(into, &from->methods[i]);
	add_method(into, &from->methods[METER_METHODS]); /* its name is empty: "other" */
}
