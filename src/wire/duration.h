/* Durations as text: Go's syntax plus d and w is read (json_parse_duration), Go's own spelling is
 * written. */
#ifndef WIRE_DURATION_H
#define WIRE_DURATION_H

#include <stddef.h>
#include <stdint.h>

#define DURATION_TEXT_MAX 40

/* Writes "1h30m0s", "1.5s", "500ms" or "0s", NUL-terminated, as Go prints it; returns the length.
 * Any thread. */
size_t duration_format(uint64_t ms, char ret_text[static DURATION_TEXT_MAX]);

#endif
