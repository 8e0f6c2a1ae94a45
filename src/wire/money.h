/* Amounts of money as decimal text, without floats, and as the doubles of protobuf. Of this room
 * only. */
#ifndef WIRE_MONEY_H
#define WIRE_MONEY_H

#include "base/slice.h"

#define MONEY_TEXT_MAX 32

/* Nano-dollars from the digits of a JSON number of dollars, exponent included, half a nano-dollar
 * rounded away from zero. `number` must be a valid JSON number. False when it does not fit. Any
 * thread. */
bool money_parse(struct slice number, int64_t *ret_nano_dollars);

/* The shortest decimal without exponent: "-0.5", "12". Returns its length; not NUL-terminated. Any
 * thread. */
size_t money_format(int64_t nano_dollars, uint8_t ret_text[static MONEY_TEXT_MAX]);

/* The amount nearest to a double, halves away from zero; false when it does not fit or is no
 * number. Any thread. */
bool money_from_double(double dollars, int64_t *ret_nano_dollars);

/* The double nearest to an amount. From it comes the same amount up to four million dollars, and
 * the same double always. Any thread. */
double money_to_double(int64_t nano_dollars);

#endif
