/* One JSON object a line, read by field rows; keys that a comparison does not need are skipped. */
#include "bench/result_file.h"

#include "wire/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_TEXT_MAX 40

#define ROW(name, kind, flags, member, help_text)                                                  \
    {name, kind, flags, 0,    0,        offsetof(struct result_row, member), 0, 0,                 \
     0,    0,    NULL,  NULL, help_text}
static const struct field fields[] = {
    ROW("workload", FIELD_TEXT, FIELD_REQUIRED, workload, "what ran"),
    ROW("figure", FIELD_TEXT, FIELD_REQUIRED, figure, "what was measured"),
    ROW("unit", FIELD_TEXT, FIELD_REQUIRED, unit, "of the numbers"),
    ROW("commit", FIELD_TEXT, 0, commit, "of the build"),
    ROW("cpu", FIELD_TEXT, 0, cpu, "of the machine"),
    ROW("median", FIELD_JSON, FIELD_REQUIRED, median_text, "of the runs"),
    ROW("p25", FIELD_JSON, FIELD_REQUIRED, p25_text, "lower quartile"),
    ROW("p75", FIELD_JSON, FIELD_REQUIRED, p75_text, "upper quartile"),
    ROW("runs", FIELD_U32, FIELD_REQUIRED, runs, "how many"),
    ROW("errors", FIELD_U64, 0, errors, "failed requests of the workload"),
};
#undef ROW

static const struct message row_message = {
    .name = "BenchRow",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct result_row),
};

static enum err_code read_bytes(const char *path, struct arena *arena, struct slice *ret_bytes,
                                struct err *err)
{
    FILE *file = fopen(path, "re");
    uint8_t *bytes = arena_bytes(arena, RESULT_FILE_SIZE_MAX);
    enum err_code code = ERR_NONE;
    size_t size;

    if (!file) {
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    }
    size = bytes ? fread(bytes, 1, RESULT_FILE_SIZE_MAX, file) : 0;
    if (!bytes) {
        code = err_set(err, ERR_NOMEM, "no memory for %s", path);
    } else if (ferror(file)) {
        code = err_set(err, ERR_IO, "%s can not be read", path);
    } else if (size == RESULT_FILE_SIZE_MAX) {
        code = err_set(err, ERR_TOO_LARGE, "%s is too large", path);
    } else {
        *ret_bytes = slice_of(bytes, size);
    }
    (void)fclose(file);
    return code;
}

static bool read_number(struct slice text, double *ret_number)
{
    char copy[NUMBER_TEXT_MAX];
    char *end;

    if (json_type_of(text) != JSON_NUMBER || text.size >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *ret_number = strtod(copy, &end);
    return *end == '\0';
}

static enum err_code read_row(struct slice line, struct arena *arena, struct result_row *ret_row,
                              struct err *err)
{
    enum err_code code = json_read(&row_message, JSON_REST, line, arena, ret_row, err);

    if (code != ERR_NONE) {
        return code == ERR_NOMEM ? code : err_set(err, ERR_CORRUPT, "not a row of results");
    }
    if (!read_number(ret_row->median_text, &ret_row->median) ||
        !read_number(ret_row->p25_text, &ret_row->p25) ||
        !read_number(ret_row->p75_text, &ret_row->p75)) {
        return err_set(err, ERR_CORRUPT, "a statistic is not a number");
    }
    return ERR_NONE;
}

static struct slice next_line(struct slice *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    struct slice line = slice_of(rest->data, end ? (size_t)(end - rest->data) : rest->size);

    *rest = slice_from(*rest, line.size + 1);
    return line;
}

enum err_code result_file_read(const char *path, struct arena *arena, struct result_file *ret_file,
                               struct err *err)
{
    struct result_file file = {.rows =
                                   arena_array(arena, RESULT_FILE_ROWS_MAX, sizeof(*file.rows))};
    struct slice rest = {0};
    enum err_code code;

    if (!file.rows) {
        return err_set(err, ERR_NOMEM, "no memory for the rows of %s", path);
    }
    code = read_bytes(path, arena, &rest, err);
    while (code == ERR_NONE && rest.size > 0) {
        struct slice line = next_line(&rest);

        if (line.size == 0) {
            continue;
        }
        if (file.count == RESULT_FILE_ROWS_MAX) {
            return err_set(err, ERR_TOO_LARGE, "%s has too many rows", path);
        }
        code = read_row(line, arena, &file.rows[file.count], err);
        if (code != ERR_NONE) {
            return err_prefix(err, "%s, row %u", path, file.count + 1);
        }
        file.count++;
    }
    if (code == ERR_NONE) {
        *ret_file = file;
    }
    return code;
}

const struct result_row *result_file_find(const struct result_file *file,
                                          const struct result_row *like)
{
    for (uint32_t i = 0; i < file->count; i++) {
        const struct result_row *row = &file->rows[i];

        if (slice_equal(row->workload, like->workload) && slice_equal(row->figure, like->figure)) {
            return row;
        }
    }
    return NULL;
}
