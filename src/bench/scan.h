/* Finds texts and numbers in replies of our own server without parsing them: a load generator that
 * parsed JSON would measure itself. The payloads are ours, so nothing in them looks like a key that
 * is searched. */
#ifndef BENCH_SCAN_H
#define BENCH_SCAN_H

#include "base/common.h"
#include "base/slice.h"

/* Finds the next `pattern` ("\"job_id\":\"", with the opening quote) in *rest; gives the bytes up
 * to the next quote and moves *rest behind them. False when there is none, or it does not end. Any
 * thread. */
bool scan_text(struct slice *rest, const char *pattern, struct slice *ret_value);

/* The decimal number behind `pattern` ("\"acked\":"). False when there is none. Any thread. */
bool scan_number(struct slice bytes, const char *pattern, uint64_t *ret_number);

/* Reads digits only. False: empty, another byte, or more than 18 digits. Any thread. */
bool scan_digits(struct slice text, uint64_t *ret_number);

#endif
