/* Compares two files of rows, figure by figure. */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include "bench/result_file.h"

#include <stdio.h>

enum verdict {
    VERDICT_NOISE,  /* The middle halves of the runs overlap, or the medians hardly differ. */
    VERDICT_BETTER, /* The new one, by the unit's own direction. */
    VERDICT_WORSE,
    VERDICT_UNKNOWN, /* Too few runs, or no errors on one side only. */
};

/* Which of two rows of one figure is better. Any thread. */
enum verdict compare_rows(const struct result_row *old_row, const struct result_row *new_row);

/* Prints a line for each figure that both files have: the medians, new over old with its spread,
 * and the verdict. ERR_IO: a file can not be read; ERR_CORRUPT: a line is not a row; ERR_NOT_FOUND:
 * no figure in common. Main thread. */
enum err_code compare_files(FILE *file, const char *old_path, const char *new_path,
                            struct err *err) MUST_USE;

#endif
