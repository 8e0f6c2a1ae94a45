/* Reads the rows that report.c writes. */
#ifndef BENCH_RESULT_FILE_H
#define BENCH_RESULT_FILE_H

#include "base/arena.h"
#include "base/common.h"
#include "base/err.h"
#include "base/slice.h"

#define RESULT_FILE_ROWS_MAX 1024
#define RESULT_FILE_SIZE_MAX ((size_t)4 << 20)

struct result_row {
    struct slice workload;
    struct slice figure;
    struct slice unit;
    struct slice commit;
    struct slice cpu;
    struct slice median_text, p25_text, p75_text; /* As in the file. */
    double median, p25, p75;
    uint32_t runs;
    uint64_t errors;
};

struct result_file {
    struct result_row *rows;
    uint32_t count;
};

/* Reads all rows into the arena. ERR_IO: the file can not be read; ERR_TOO_LARGE; ERR_CORRUPT: a
 * line is not a row, with its number; ERR_NOMEM. Main thread. */
enum err_code result_file_read(const char *path, struct arena *arena, struct result_file *ret_file,
                               struct err *err) MUST_USE;

/* The row of a figure, or NULL. Any thread. */
const struct result_row *result_file_find(const struct result_file *file,
                                          const struct result_row *like);

#endif
