/* Rows written by report.c are read and compared; damaged files are refused. */
#include "bench/compare.h"
#include "bench/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

static char old_path[64], new_path[64];

static int make_paths(void **state)
{
    (void)state;
    (void)snprintf(old_path, sizeof(old_path), "/tmp/corvo-compare-old-%d", (int)getpid());
    (void)snprintf(new_path, sizeof(new_path), "/tmp/corvo-compare-new-%d", (int)getpid());
    return 0;
}

static int remove_paths(void **state)
{
    (void)state;
    (void)unlink(old_path);
    (void)unlink(new_path);
    return 0;
}

/* Five runs around `rate` and `p99`, with `errors` failures. */
static void write_results(const char *path, double rate, double p99, uint32_t errors)
{
    struct results *results = calloc(1, sizeof(*results));
    struct bench_options options;
    char verb[] = "bench";
    char *argv[] = {verb, NULL};
    struct err err;

    assert_non_null(results);
    for (int i = -2; i <= 2; i++) {
        results_add(results, "b1.c64", "rate", UNIT_RATE, rate * (1 + i * 0.01));
        results_add(results, "b1.c64", "p99", "us", p99 * (1 + i * 0.01));
    }
    for (uint32_t i = 0; i < errors; i++) {
        results_fail(results, "b1.c64", 429, slice_of(NULL, 0));
    }
    assert_int_equal(bench_options_parse(1, argv, &options, &err), ERR_NONE);
    assert_int_equal(report_json(path, results, &options, &err), ERR_NONE);
    free(results);
}

/* The comparison's text, or NULL with *ret_code. Freed by the caller. */
static char *compare(enum err_code *ret_code)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    struct err err;

    assert_non_null(file);
    *ret_code = compare_files(file, old_path, new_path, &err);
    assert_int_equal(fclose(file), 0);
    return text;
}

static char *line_of(const char *text, const char *figure)
{
    const char *found = strstr(text, figure);

    assert_non_null(found);
    return strndup(found, strcspn(found, "\n"));
}

/* Method: the new rate is 20 % higher, the new latency 20 % higher too. */
static void the_unit_decides_what_is_faster(void **state)
{
    enum err_code code;
    char *text, *rate, *p99;

    (void)state;
    write_results(old_path, 1000, 50, 0);
    write_results(new_path, 1200, 60, 0);
    text = compare(&code);
    assert_int_equal(code, ERR_NONE);
    rate = line_of(text, "rate");
    p99 = line_of(text, "p99");
    assert_non_null(strstr(rate, "1.200 ("));
    assert_non_null(strstr(rate, "faster"));
    assert_non_null(strstr(p99, "SLOWER"));
    free(rate);
    free(p99);
    free(text);
}

/* Method: a difference smaller than the spread of the runs. */
static void a_small_difference_is_noise(void **state)
{
    enum err_code code;
    char *text;

    (void)state;
    write_results(old_path, 1000, 50, 0);
    write_results(new_path, 1010, 49.5, 0);
    text = compare(&code);
    assert_int_equal(code, ERR_NONE);
    assert_non_null(strstr(text, "within noise"));
    assert_null(strstr(text, "faster"));
    assert_null(strstr(text, "SLOWER"));
    free(text);
}

/* Method: the new run failed some requests: its speed says nothing. */
static void errors_on_one_side_are_not_compared(void **state)
{
    enum err_code code;
    char *text;

    (void)state;
    write_results(old_path, 1000, 50, 0);
    write_results(new_path, 5000, 10, 3);
    text = compare(&code);
    assert_int_equal(code, ERR_NONE);
    assert_non_null(strstr(text, "not comparable (failures: 0, 3)"));
    assert_null(strstr(text, "faster"));
    free(text);
}

static struct result_row row_of(double median, double half_width, uint32_t runs)
{
    return (struct result_row){.unit = slice_text("1/s"),
                               .median = median,
                               .p25 = median - half_width,
                               .p75 = median + half_width,
                               .runs = runs};
}

/* Method: pairs of rows at the borders of the rule. */
static void verdicts_follow_the_quartiles(void **state)
{
    static const struct {
        double old_median, old_half, new_median, new_half;
        uint32_t runs;
        enum verdict verdict;
    } rows[] = {
        {100, 1, 110, 1, 5, VERDICT_BETTER},  {110, 1, 100, 1, 5, VERDICT_WORSE},
        {100, 6, 110, 6, 5, VERDICT_NOISE},   {100, 0, 102, 0, 5, VERDICT_NOISE},
        {100, 1, 110, 1, 2, VERDICT_UNKNOWN}, {0, 0, 0, 0, 5, VERDICT_NOISE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct result_row old_row = row_of(rows[i].old_median, rows[i].old_half, rows[i].runs);
        struct result_row new_row = row_of(rows[i].new_median, rows[i].new_half, rows[i].runs);

        assert_int_equal(compare_rows(&old_row, &new_row), rows[i].verdict);
    }
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Method: a table of file contents that are no rows, and a file that is not there. */
static void files_without_rows_are_refused(void **state)
{
    static const struct {
        const char *text;
        enum err_code code;
    } rows[] = {
        {"", ERR_NOT_FOUND},
        {"\n\n", ERR_NOT_FOUND},
        {"not json\n", ERR_CORRUPT},
        {"{}\n", ERR_CORRUPT},
        {"{\"workload\":\"b1.c64\",\"figure\":\"rate\",\"unit\":\"1/s\",\"median\":\"x\","
         "\"p25\":1,\"p75\":1,\"runs\":3}\n",
         ERR_CORRUPT},
        {"{\"workload\":\"other\",\"figure\":\"rate\",\"unit\":\"1/s\",\"median\":1,\"p25\":1,"
         "\"p75\":1,\"runs\":3,\"new_key\":[1]}\n",
         ERR_NOT_FOUND},
    };
    enum err_code code;

    (void)state;
    write_results(old_path, 1000, 50, 0);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        write_text(new_path, rows[i].text);
        free(compare(&code));
        assert_int_equal(code, rows[i].code);
    }
    assert_int_equal(unlink(new_path), 0);
    free(compare(&code));
    assert_int_equal(code, ERR_IO);
}

/* Method: a row's text holds machine, commit and settings; a directory that is not there is an
 * error. */
static void rows_stand_alone(void **state)
{
    static char bytes[4096];
    struct results *results = calloc(1, sizeof(*results));
    struct bench_options options = {0};
    struct err err;
    FILE *file;

    (void)state;
    write_results(new_path, 1000, 50, 0);
    file = fopen(new_path, "r");
    assert_non_null(file);
    assert_non_null(fgets(bytes, sizeof(bytes), file));
    assert_int_equal(fclose(file), 0);
    assert_non_null(strstr(bytes, "\"median\":1000,\"min\":980,\"max\":1020,"));
    assert_non_null(strstr(bytes, "\"commit\":\""));
    assert_non_null(strstr(bytes, "\"kernel\":\"Linux "));
    assert_non_null(strstr(bytes, "\"settings\":{\"connections\":[1,10,64]"));
    assert_int_equal(report_json("/nowhere/at/all", results, &options, &err), ERR_IO);
    free(results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_unit_decides_what_is_faster),
        cmocka_unit_test(a_small_difference_is_noise),
        cmocka_unit_test(errors_on_one_side_are_not_compared),
        cmocka_unit_test(verdicts_follow_the_quartiles),
        cmocka_unit_test(files_without_rows_are_refused),
        cmocka_unit_test(rows_stand_alone),
    };

    return cmocka_run_group_tests(tests, make_paths, remove_paths);
}
