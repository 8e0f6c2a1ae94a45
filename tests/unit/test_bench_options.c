/* Option rows: defaults, forms of values, refusals with their suggestion. */
#include "bench/options.h"

#include <stdlib.h>
#include <string.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define ARGS_MAX 6

static enum err_code parse(const char *const *args, struct bench_options *options, struct err *err)
{
    char *argv[ARGS_MAX + 1] = {0};
    char verb[] = "bench";
    enum err_code code;
    int argc = 1;

    argv[0] = verb;
    for (; args[argc - 1]; argc++) {
        argv[argc] = strdup(args[argc - 1]);
        assert_non_null(argv[argc]);
    }
    code = bench_options_parse(argc, argv, options, err);
    for (int i = 1; i < argc; i++) {
        free(argv[i]); /* Texts of *options are not looked at behind this. */
    }
    return code;
}

/* Method: no arguments. */
static void defaults_are_those_of_the_table(void **state)
{
    const char *const args[] = {NULL};
    struct bench_options options;
    struct err err;

    (void)state;
    assert_int_equal(parse(args, &options, &err), ERR_NONE);
    assert_string_equal(options.server, "http://127.0.0.1:8080");
    assert_string_equal(options.workloads, "b1,b2");
    assert_int_equal(options.connections.count, 3);
    assert_int_equal(options.connections.values[2], 64);
    assert_int_equal(options.duration_ms, 3000);
    assert_int_equal(options.runs, 5);
    assert_int_equal(options.payload_size, 200);
    assert_false(options.start);
    assert_null(options.json_path);
    assert_int_equal(bench_options_connections_max(&options), 64);
}

/* Method: each type once, with a space and with '='. */
static void values_are_read_in_both_forms(void **state)
{
    const char *const first[] = {"--runs", "7", "--duration=250ms", "--connections", "9,2", NULL};
    const char *const second[] = {"--start", "--idle", "1.5m", "--no-sync", "--rate=500", NULL};
    struct bench_options options;
    struct err err;

    (void)state;
    assert_int_equal(parse(first, &options, &err), ERR_NONE);
    assert_int_equal(options.runs, 7);
    assert_int_equal(options.duration_ms, 250);
    assert_int_equal(options.connections.count, 2);
    assert_int_equal(bench_options_connections_max(&options), 9);
    assert_int_equal(parse(second, &options, &err), ERR_NONE);
    assert_true(options.start);
    assert_true(options.no_sync);
    assert_int_equal(options.idle_ms, 90000);
    assert_int_equal(options.rate, 500);
}

/* Method: two values behind one name, borrowed from argv. */
static void compare_takes_two_files(void **state)
{
    char verb[] = "bench", name[] = "--compare", old_path[] = "a", new_path[] = "b";
    char *argv[] = {verb, name, old_path, new_path, NULL};
    struct bench_options options;
    struct err err;

    (void)state;
    assert_int_equal(bench_options_parse(4, argv, &options, &err), ERR_NONE);
    assert_ptr_equal(options.compare[0], old_path);
    assert_ptr_equal(options.compare[1], new_path);
    assert_int_equal(bench_options_parse(3, argv, &options, &err), ERR_INVALID);
}

/* Method: a table of wrong arguments and a word of each complaint; the output is left alone. */
static void wrong_arguments_are_refused(void **state)
{
    static const struct {
        const char *args[3];
        const char *says;
    } rows[] = {
        {{"--run", "3"}, "--runs"},
        {{"--conections", "3"}, "--connections"},
        {{"--zzzzzzzzzzzz"}, "unknown option --zzzzzzzzzzzz"},
        {{"--runs"}, "wants a value"},
        {{"--runs", "0"}, "1..100"},
        {{"--runs", "x"}, "not a number"},
        {{"--runs", "3x"}, "not a number"},
        {{"--runs", "-3"}, "not a number"},
        {{"--runs", "99999999999999999999"}, "too large"},
        {{"--runs", ""}, "not a number"},
        {{"--connections", "1,,2"}, "not a number"},
        {{"--connections", "1;2"}, "list"},
        {{"--connections", "0"}, "1..10000"},
        {{"--connections", "1,2,3,4,5,6,7,8,9"}, "at most 8"},
        {{"--duration", "3h"}, "time"},
        {{"--duration", "-3s"}, "time"},
        {{"--duration", "nan"}, "time"},
        {{"--duration", "99999999m"}, "time"},
        {{"--start=yes"}, "no value"},
        {{"b1"}, "not an option"},
        {{"--output", "yaml"}, "none of table|json"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct bench_options options = {.runs = 77};
        struct err err = {0};

        assert_int_equal(parse(rows[i].args, &options, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, rows[i].says));
        assert_int_equal(options.runs, 77);
    }
}

/* Method: the help names every option that the parser takes, with its default. */
static void help_shows_the_table(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    (void)state;
    assert_non_null(file);
    bench_options_help(file);
    assert_int_equal(fclose(file), 0);
    assert_non_null(strstr(text, "--payload-size N"));
    assert_non_null(strstr(text, "[1,10,64]"));
    assert_non_null(strstr(text, "--compare A B"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(values_are_read_in_both_forms),
        cmocka_unit_test(compare_takes_two_files),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(help_shows_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
