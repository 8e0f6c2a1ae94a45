/* Times, durations and sizes as people say them: "5m12s", "3m ago", "in 2h". */
#ifndef CLI_HUMAN_H
#define CLI_HUMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HUMAN_TEXT_MAX 64

/* The two largest units of a duration: "850ms", "4.2s", "5m12s", "3h5m", "2d4h", "45d". Any thread.
 */
const char *human_duration(uint64_t ms, char ret_text[static HUMAN_TEXT_MAX]);

/* How far a time is from now: "12s ago", "in 5m", "now" within half a second. Any thread. */
const char *human_age(uint64_t time_ns, uint64_t now_ns, char ret_text[static HUMAN_TEXT_MAX]);

/* "2026-11-25 21:45:07Z". Any thread. */
const char *human_time(uint64_t time_ns, char ret_text[static HUMAN_TEXT_MAX]);

/* "2026-11-25 21:45:07Z (3m ago)". Any thread. */
const char *human_when(uint64_t time_ns, uint64_t now_ns, char ret_text[static HUMAN_TEXT_MAX]);

/* "87 B", "1.4 KiB", "12 MiB". Any thread. */
const char *human_size(uint64_t bytes, char ret_text[static HUMAN_TEXT_MAX]);

#endif
