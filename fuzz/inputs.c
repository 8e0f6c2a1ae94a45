/* Inputs on disk and in memory: see inputs.h. */
#include "fuzz/inputs.h"

#include "base/common.h"
#include "base/hash.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PATH_SIZE_MAX 4096

bool inputs_add(struct inputs *inputs, struct slice bytes)
{
    uint8_t *copy = malloc(bytes.size + 1);

    if (!copy) {
        return false;
    }
    if (inputs->count == inputs->capacity) {
        uint32_t capacity = inputs->capacity * 2 + 64;
        struct slice *items = realloc(inputs->items, capacity * sizeof(*items));

        if (!items) {
            free(copy);
            return false;
        }
        inputs->items = items;
        inputs->capacity = capacity;
    }
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    inputs->items[inputs->count++] = slice_of(copy, bytes.size);
    return true;
}

static enum err_code read_file(struct inputs *inputs, const char *path, struct err *err)
{
    static uint8_t bytes[INPUT_SIZE_MAX + 1];
    FILE *file = fopen(path, "rb");
    bool good;
    size_t size;

    if (!file) {
        return err_set(err, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    }
    size = fread(bytes, 1, sizeof(bytes), file);
    good = !ferror(file);
    (void)fclose(file);
    if (!good) {
        return err_set(err, ERR_IO, "%s does not read", path);
    }
    if (size > INPUT_SIZE_MAX) {
        return err_set(err, ERR_TOO_LARGE, "%s has more than %zu bytes", path, INPUT_SIZE_MAX);
    }
    return inputs_add(inputs, slice_of(bytes, size)) ? ERR_NONE
                                                     : err_set(err, ERR_NOMEM, "no memory");
}

/* By size, then by content: the same order on every machine. */
static int compare_inputs(const void *a, const void *b)
{
    const struct slice *left = a;
    const struct slice *right = b;

    if (left->size != right->size) {
        return (left->size > right->size) - (left->size < right->size);
    }
    return slice_compare(*left, *right);
}

static enum err_code read_folder(struct inputs *inputs, const char *path, struct err *err)
{
    DIR *folder = opendir(path);
    enum err_code code = ERR_NONE;
    uint32_t first = inputs->count;
    const struct dirent *entry;
    char name[PATH_SIZE_MAX];

    if (!folder) {
        return err_set(err, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    }
    while (!code && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            (void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
            code = read_file(inputs, name, err);
        }
    }
    (void)closedir(folder);
    if (inputs->count > first) {
        qsort(inputs->items + first, inputs->count - first, sizeof(*inputs->items), compare_inputs);
    }
    return code;
}

enum err_code inputs_read(struct inputs *inputs, const char *path, struct err *err)
{
    struct stat status;

    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        return read_folder(inputs, path, err);
    }
    return read_file(inputs, path, err);
}

enum err_code inputs_save(const char *folder, struct slice bytes, struct err *err)
{
    char path[PATH_SIZE_MAX];
    FILE *file;
    bool good;

    (void)snprintf(path, sizeof(path), "%s/%016" PRIx64, folder, hash_bytes(bytes));
    file = fopen(path, "wb");
    if (!file) {
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    }
    good = bytes.size == 0 || fwrite(bytes.data, 1, bytes.size, file) == bytes.size;
    good = fclose(file) == 0 && good;
    return good ? ERR_NONE : err_set(err, ERR_IO, "%s was not written", path);
}

void inputs_done(struct inputs *inputs)
{
    for (uint32_t i = 0; i < inputs->count; i++) {
        free((void *)(uintptr_t)inputs->items[i].data);
    }
    free(inputs->items);
    *inputs = (struct inputs){0};
}
