/* Two builds side by side. Absolute figures move with the machine: the ratios to the yardsticks are
 * figures too, and are what a decision should look at. */
#include "bench/compare.h"

#include "bench/results.h"

#include <inttypes.h>
#include <stdlib.h>

#define RUNS_MIN 3
#define SAME_WITHIN 0.03
#define COMPARE_ARENA_MAX ((size_t)32 << 20)

static bool unit_wants_more(struct slice unit)
{
    char copy[16];

    (void)snprintf(copy, sizeof(copy), "%.*s", (int)(unit.size < 15 ? unit.size : 15),
                   (const char *)unit.data);
    return unit_more_is_better(copy);
}

enum verdict compare_rows(const struct result_row *old_row, const struct result_row *new_row)
{
    double change = new_row->median - old_row->median;
    double size = old_row->median < 0 ? -old_row->median : old_row->median;

    if (old_row->runs < RUNS_MIN || new_row->runs < RUNS_MIN) {
        return VERDICT_UNKNOWN;
    }
    if ((old_row->errors == 0) != (new_row->errors == 0)) {
        return VERDICT_UNKNOWN;
    }
    if (old_row->p25 <= new_row->p75 && new_row->p25 <= old_row->p75) {
        return VERDICT_NOISE;
    }
    if (change <= SAME_WITHIN * size && change >= -SAME_WITHIN * size) {
        return VERDICT_NOISE;
    }
    return (change > 0) == unit_wants_more(old_row->unit) ? VERDICT_BETTER : VERDICT_WORSE;
}

/* Rates and ratios are faster or slower, and so are times; bytes and the like only better or worse.
 */
static const char *verdict_text(enum verdict verdict, struct slice unit)
{
    bool is_size = slice_is(unit, "bytes") || slice_is(unit, "MB") || slice_is(unit, "%");

    switch (verdict) {
    case VERDICT_NOISE:
        return "within noise";
    case VERDICT_BETTER:
        return is_size ? "better" : "faster";
    case VERDICT_WORSE:
        return is_size ? "WORSE" : "SLOWER";
    case VERDICT_UNKNOWN:
        break;
    }
    return "not comparable";
}

static void print_row(FILE *file, const struct result_row *old_row,
                      const struct result_row *new_row)
{
    enum verdict verdict = compare_rows(old_row, new_row);

    (void)fprintf(file, "%-10.*s %-16.*s %-5.*s %12.5g %12.5g", (int)old_row->workload.size,
                  (const char *)old_row->workload.data, (int)old_row->figure.size,
                  (const char *)old_row->figure.data, (int)old_row->unit.size,
                  (const char *)old_row->unit.data, old_row->median, new_row->median);
    if (old_row->median > 0 && old_row->p25 > 0) {
        (void)fprintf(file, " %7.3f (%.3f..%.3f)", new_row->median / old_row->median,
                      new_row->p25 / old_row->p75, new_row->p75 / old_row->p25);
    } else {
        (void)fprintf(file, " %7s", "-");
    }
    (void)fprintf(file, "  %s", verdict_text(verdict, old_row->unit));
    if (old_row->errors || new_row->errors) {
        (void)fprintf(file, " (failures: %" PRIu64 ", %" PRIu64 ")", old_row->errors,
                      new_row->errors);
    }
    (void)fputc('\n', file);
}

static enum err_code print_all(FILE *file, const struct result_file *old_file,
                               const struct result_file *new_file, struct err *err)
{
    uint32_t common = 0;

    (void)fprintf(file, "%-10s %-16s %-5s %12s %12s %7s\n", "workload", "figure", "unit", "old",
                  "new", "new/old");
    for (uint32_t i = 0; i < old_file->count; i++) {
        const struct result_row *new_row = result_file_find(new_file, &old_file->rows[i]);

        if (new_row) {
            print_row(file, &old_file->rows[i], new_row);
            common++;
        }
    }
    if (common == 0) {
        return err_set(err, ERR_NOT_FOUND, "the files have no figure in common");
    }
    if (!slice_equal(old_file->rows[0].cpu, new_file->rows[0].cpu)) {
        (void)fprintf(file, "! other machines: only the ratios to the yardsticks say something\n");
    }
    return ERR_NONE;
}

enum err_code compare_files(FILE *file, const char *old_path, const char *new_path, struct err *err)
{
    struct result_file old_file;
    struct result_file new_file;
    struct arena arena;
    enum err_code code;

    arena_init(&arena, COMPARE_ARENA_MAX);
    code = result_file_read(old_path, &arena, &old_file, err);
    if (code == ERR_NONE) {
        code = result_file_read(new_path, &arena, &new_file, err);
    }
    if (code == ERR_NONE) {
        code = print_all(file, &old_file, &new_file, err);
    }
    arena_done(&arena);
    return code;
}
