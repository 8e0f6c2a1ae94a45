/* Results for people (a table) and for files (JSON, one row a line). */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "base/err.h"
#include "bench/options.h"
#include "bench/results.h"

#include <stdio.h>

/* Prints each figure with median, spread and gate, and below it the failures. Main thread. */
void report_table(FILE *file, const struct results *results);

/* Writes a row a figure to `path`, replacing the file; to standard output when it is NULL. Each row
 * stands alone: it has commit, machine and settings. ERR_IO: the file can not be written. Main
 * thread. */
enum err_code report_json(const char *path, const struct results *results,
                          const struct bench_options *options, struct err *err) MUST_USE;

/* "bench/<time>-<commit>.jsonl", UTC. Main thread. */
void report_save_path(char *ret_path, size_t size);

#endif
