/* What of the code under test an input reaches, as gcc's -fsanitize-coverage=trace-pc,trace-cmp
 * tells: edges between basic blocks, and the numbers that were compared.
 *
 * In a build without these flags nothing is told, and the engine mutates blindly. With libFuzzer
 * this file is not linked: it has its own. */
#ifndef FUZZ_COVERAGE_H
#define FUZZ_COVERAGE_H

#include "fuzz/mutate.h"

#define COVERAGE_COMPARES 512

/* Forgets the edges of the run before. */
void coverage_start(void);

enum coverage_news {
    COVERAGE_OLD,
    COVERAGE_TIMES, /* An edge was taken in another order of magnitude of times. */
    COVERAGE_EDGE,  /* An edge was taken that no run took before. */
};

/* Ends a run and says what was new in it. */
enum coverage_news coverage_end(void);

/* Edges ever taken; 0 when the code is not instrumented. */
uint32_t coverage_edges(void);

/* COVERAGE_COMPARES recent comparisons that failed; unused rows are zero. */
const struct mutate_compare *coverage_compares(void);

#endif
