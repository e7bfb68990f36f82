/*
 * number.h
 *	  Numbers as good as the server's for code that knows their bytes only.
 */
#ifndef FUZZ_NUMBER_H
#define FUZZ_NUMBER_H

#include "utils/numeric.h"

/*
 * Equal to others of the same value, the same only as those with as many zeros
 * behind the point, each of which makes it a byte longer.
 */
extern Numeric fuzz_number(int64 value, int zeros);

#endif /* FUZZ_NUMBER_H */
