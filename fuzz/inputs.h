/* Inputs: those of a folder on disk, and those in memory that reached something new. */
#ifndef FUZZ_INPUTS_H
#define FUZZ_INPUTS_H

#include "base/err.h"
#include "base/slice.h"

#define INPUT_SIZE_MAX ((size_t)64 << 10)

struct inputs {
    struct slice *items; /* Their bytes are owned. */
    uint32_t count;
    uint32_t capacity;
};

/* Reads a file, or all files of a folder, the smallest first. ERR_NOT_FOUND, ERR_IO, ERR_TOO_LARGE
 * (over INPUT_SIZE_MAX), ERR_NOMEM. */
enum err_code inputs_read(struct inputs *inputs, const char *path, struct err *err)
    __attribute__((warn_unused_result));

/* Adds a copy; false without memory. */
bool inputs_add(struct inputs *inputs, struct slice bytes) __attribute__((warn_unused_result));

/* Writes a file that is named by its content. ERR_IO. */
enum err_code inputs_save(const char *folder, struct slice bytes, struct err *err)
    __attribute__((warn_unused_result));

/* Frees all. Takes a zeroed struct. */
void inputs_done(struct inputs *inputs);

#endif
