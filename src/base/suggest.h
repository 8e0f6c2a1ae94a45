/* "Did you mean": the name that was probably meant, by the edits between the two; two letters that
 * changed places are one edit. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stdint.h>

#define SUGGEST_NAME_MAX 63
#define SUGGEST_EDITS_MAX 3

/* The nearest of the names, the first of equals; NULL when none is within SUGGEST_EDITS_MAX edits,
 * or about one edit for every three letters of `name`: of short words every other one is near.
 *
 * A name longer than SUGGEST_NAME_MAX is near to nothing. Any thread. */
const char *suggest_name(const char *name, const char *const *names, uint32_t count);

#endif
