/* "Did you mean": the name that was probably meant, by Levenshtein's distance. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stdint.h>

#define SUGGEST_NAME_MAX 63
#define SUGGEST_EDITS_MAX 3
#define SUGGEST_EDITS_SHORT_MAX 2
#define SUGGEST_SHORT 7

/* The nearest of the names, the first of equals; NULL when none is within SUGGEST_EDITS_MAX edits,
 * or SUGGEST_EDITS_SHORT_MAX for a name of up to SUGGEST_SHORT letters: half of it would be other
 * letters.
 *
 * A name longer than SUGGEST_NAME_MAX is near to nothing. Any thread. */
const char *suggest_name(const char *name, const char *const *names, uint32_t count);

#endif
