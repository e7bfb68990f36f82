/*
 * json_number.h
 *	  The little arithmetic that documents need.
 *
 * Apart from this, JSON code knows numbers as bytes only, so that it can be
 * compiled and fuzzed outside the server.
 */
#ifndef WRK_JSON_NUMBER_H
#define WRK_JSON_NUMBER_H

#include "postgres.h"
#include "utils/numeric.h"

/* same value, whatever the number of zeros behind the point */
extern bool json_number_equal(Numeric a, Numeric b);

/* palloc'd */
extern Numeric json_number_from_int(int64 value);

#endif /* WRK_JSON_NUMBER_H */
