/*
 * target.h
 *	  What every fuzz target is made of: a check of what must hold for the
 *	  documents that some bytes mean.
 */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include "document.h"

/* what libFuzzer, or driver.c, calls */
extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* runs work with the Bytes; an error must be one that server_may_refuse() allows */
static inline int
run_target(void (*work)(void *bytes), const uint8_t *data, size_t size)
{
	Bytes bytes = {data, size};
	int state = server_try(work, &bytes);

	CHECK(state == 0 || server_may_refuse(state));
	server_reset();
	return 0;
}

#endif /* FUZZ_TARGET_H */
