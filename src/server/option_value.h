/* One option's value: text to field, ranges, comparison. By the row alone, wherever it came from.
 */
#ifndef SERVER_OPTION_VALUE_H
#define SERVER_OPTION_VALUE_H

#include "server/options.h"

#define OPTION_RANGE_TEXT_MAX 96

/* Sets the row's field. A text is borrowed as long as the options live.
 *
 * ERR_INVALID: not of the row's kind, out of its range or not one of its words; ERR_UNSUPPORTED:
 * not built yet. The text of the error says what is possible and leaves the name to the caller. Any
 * thread. */
enum err_code option_set(const struct option *row, const char *text, struct server_options *options,
                         struct err *err) MUST_USE;

/* True when both texts, each accepted by option_set, mean the same: "1h" and "60m". Any thread. */
bool option_same(const struct option *row, const char *a, const char *b);

/* What the row takes, for help and errors: "text", "true or false", "1 to 65535", "1s to 10h",
 * "debug, info". Any thread. */
void option_range(const struct option *row, char ret_text[static OPTION_RANGE_TEXT_MAX]);

/* The kind in one word for a synopsis: "TEXT", "BOOL", "N", "SIZE", "TIME". Any thread. */
const char *option_kind_word(enum option_kind kind);

#endif
