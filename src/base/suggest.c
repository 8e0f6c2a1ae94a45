/* Near names: see suggest.h. */
#include "base/suggest.h"

#include "base/common.h"

#include <string.h>

#define ROWS 3 /* Of the matrix: this one, and two before it for letters that changed places. */

static uint32_t min3(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* One cell of the matrix: the edits from the first i letters of `a` to the first j of `b`. */
static uint32_t cell(uint32_t rows[ROWS][SUGGEST_NAME_MAX + 1], const char *a, const char *b,
                     uint32_t i, uint32_t j)
{
    const uint32_t *above = rows[(i - 1) % ROWS];
    uint32_t least =
        min3(above[j] + 1, rows[i % ROWS][j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
    bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];

    return swapped ? min3(least, rows[(i - 2) % ROWS][j - 2] + 1, UINT32_MAX) : least;
}

/* Levenshtein's distance with swaps of neighbours (optimal string alignment). */
static uint32_t distance(const char *a, const char *b)
{
    uint32_t rows[ROWS][SUGGEST_NAME_MAX + 1];
    size_t a_size = strlen(a), b_size = strlen(b);

    if (a_size > SUGGEST_NAME_MAX || b_size > SUGGEST_NAME_MAX) {
        return UINT32_MAX;
    }
    for (uint32_t j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (uint32_t i = 1; i <= a_size; i++) {
        rows[i % ROWS][0] = i;
        for (uint32_t j = 1; j <= b_size; j++) {
            rows[i % ROWS][j] = cell(rows, a, b, i, j);
        }
    }
    return rows[a_size % ROWS][b_size];
}

const char *suggest_name(const char *name, const char *const *names, uint32_t count)
{
    const char *nearest = NULL;
    uint32_t most = (uint32_t)((strlen(name) + 1) / 3);
    uint32_t least = (most < SUGGEST_EDITS_MAX ? most : SUGGEST_EDITS_MAX) + 1;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t edits = distance(name, names[i]);

        if (edits < least) {
            least = edits;
            nearest = names[i];
        }
    }
    return nearest;
}
