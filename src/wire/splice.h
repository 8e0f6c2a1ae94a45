/* Runs of JSON bytes between white space. Of this room only; json.h has what others use. */
#ifndef WIRE_SPLICE_H
#define WIRE_SPLICE_H

#include "wire/json_scan.h"

/* The next run of bytes that are not white space outside strings; false at the end. Any thread. */
bool splice_next_run(struct json_cursor *cursor, struct slice *ret_run);

#endif
