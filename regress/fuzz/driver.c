/*
 * driver.c
 *	  Runs a fuzz target where there is no libFuzzer.
 *
 *	  TARGET [-runs=N] [-seed=N] [-max_len=N] [FILE ...]
 *
 * Files are tried as they are; without any, N inputs of random bytes, each half
 * of the time a changed copy of an earlier one.  Options it does not know are
 * for libFuzzer and are left alone, and so are folders.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 64

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t seed = 1;
static long runs = 10000;
static size_t max_len = 512;

/* inputs to make others of */
static uint8_t *kept[KEPT];
static size_t kept_len[KEPT];

/* xorshift64* (Vigna) */
static uint64_t
next_random(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * UINT64_C(2685821657736338717);
}

static size_t
fresh(uint8_t *data)
{
	size_t len = next_random() % (max_len + 1);

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t) next_random();
	return len;
}

static size_t
changed(uint8_t *data)
{
	size_t from = next_random() % KEPT;
	size_t len = kept_len[from];

	if (len == 0)
		return fresh(data);
	memcpy(data, kept[from], len);
	for (int n = 1 + (int) (next_random() % 4); n > 0; n--)
		data[next_random() % len] = (uint8_t) next_random();
	return len;
}

static void
run_random(void)
{
	uint8_t *data = malloc(max_len + 1);

	for (long run = 0; data != NULL && run < runs; run++)
	{
		size_t len = next_random() % 2 ? fresh(data) : changed(data);
		/* of just this size, so that reading beyond it is seen */
		uint8_t *exact = malloc(len + 1);
		size_t place = next_random() % KEPT;

		if (exact == NULL)
			abort();
		memcpy(exact, data, len);
		(void) LLVMFuzzerTestOneInput(exact, len);
		free(kept[place]);
		kept[place] = exact;
		kept_len[place] = len;
	}
	for (int i = 0; i < KEPT; i++)
		free(kept[i]);
	free(data);
	fprintf(stderr, "Done %ld runs\n", runs);
}

static void
run_file(const char *name)
{
	FILE *file = fopen(name, "rb");
	static uint8_t data[1 << 20];
	size_t len = file != NULL ? fread(data, 1, sizeof(data), file) : 0;

	if (file != NULL)
		fclose(file);
	(void) LLVMFuzzerTestOneInput(data, len);
	fprintf(stderr, "Ran %s, %zu bytes\n", name, len);
}

int
main(int argc, char **argv)
{
	int nfiles = 0;

	for (int i = 1; i < argc; i++)
	{
		if (strncmp(argv[i], "-runs=", 6) == 0)
			runs = atol(argv[i] + 6);
		else if (strncmp(argv[i], "-seed=", 6) == 0)
			seed = strtoull(argv[i] + 6, NULL, 10) | 1;
		else if (strncmp(argv[i], "-max_len=", 9) == 0)
			max_len = strtoull(argv[i] + 9, NULL, 10);
		else if (argv[i][0] != '-' && argv[i][strlen(argv[i]) - 1] != '/')
		{
			run_file(argv[i]);
			nfiles++;
		}
	}
	if (nfiles == 0)
		run_random();
	return 0;
}
