/* Near names: see suggest.h. */
#include "base/suggest.h"

#include "base/common.h"

#include <stdbool.h>
#include <string.h>

static uint32_t min3(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Levenshtein's distance, one row of the matrix at a time. */
static uint32_t distance(const char *a, const char *b)
{
    uint32_t row[SUGGEST_NAME_MAX + 1];
    size_t size = strlen(b);

    if (size > SUGGEST_NAME_MAX || strlen(a) > SUGGEST_NAME_MAX) {
        return UINT32_MAX;
    }
    for (uint32_t j = 0; j <= size; j++) {
        row[j] = j;
    }
    for (uint32_t i = 0; a[i] != '\0'; i++) {
        uint32_t diagonal = row[0];

        row[0] = i + 1;
        for (uint32_t j = 0; j < size; j++) {
            uint32_t above = row[j + 1];

            row[j + 1] = min3(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
            diagonal = above;
        }
    }
    return row[size];
}

const char *suggest_name(const char *name, const char *const *names, uint32_t count)
{
    const char *nearest = NULL;
    bool is_short = strlen(name) <= SUGGEST_SHORT;
    uint32_t least = (is_short ? SUGGEST_EDITS_SHORT_MAX : SUGGEST_EDITS_MAX) + 1;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t edits = distance(name, names[i]);

        if (edits < least) {
            least = edits;
            nearest = names[i];
        }
    }
    return nearest;
}
