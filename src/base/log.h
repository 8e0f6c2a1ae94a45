/* The program's own log: one line a call on stderr, key=value text or JSON. Only node, api, server
 * and main log. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Sets the least level that is written and the form. Call before threads start. */
void log_setup(enum log_level level, bool json);

/* Writes one line, prefixed with time and level. Control characters are made harmless. Any thread.
 */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "debug", "info", "warn" or "error" to a level; false when it is none of these. Any thread. */
bool log_level_parse(const char *text, enum log_level *ret_level);

#endif
