/* The program's own log: one line a call on standard error. Only node, api, server and main log.
 *
 *     2026-01-02T03:04:05.678Z info  started version=0.1.0 listen=127.0.0.1:8080
 *     {"time":"2026-01-02T03:04:05.678Z","level":"info","message":"started","version":"0.1.0", ...}
 *     <6>started version=0.1.0 listen=127.0.0.1:8080              (systemd's journal has the rest)
 *
 * Nothing that a client sends can forge a line or a field: control characters, quotes and bytes
 * that are not UTF-8 are escaped. The same message over and over is left out and counted
 * (log_limit.h), but for debug lines. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_form { LOG_TEXT, LOG_JSON, LOG_JOURNAL };

/* One name=value behind a message. */
struct log_field {
    const char *name; /* Lower case and '_'; not time, level or message. */
    const char *text; /* NULL: the number. */
    uint64_t number;
};

#define LOG_LINE_MAX 2048 /* Bytes of a line; what is over is cut, fields and all. */

/* Sets the least level that is written and the form. Any thread. */
void log_setup(enum log_level level, enum log_form form);

/* Writes one line of prose. Any thread. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes one line with fields; `message` is a constant. Any thread. */
void log_event(enum log_level level, const char *message, const struct log_field *fields,
               uint32_t field_count);

/* Tells what was left out: of windows that are over, or of all. Every line does the former first;
 * to be called now and then, and at the end. Any thread. */
void log_flush(bool all);

/* "debug", "info", "warn" or "error" to a level; false when it is none of these. Any thread. */
bool log_level_parse(const char *text, enum log_level *ret_level);

#endif
