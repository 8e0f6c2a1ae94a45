/* The server's options, read from argument vectors and the environment. */
#include "server/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum err_code read(const char *const *words, struct server_options *ret_options,
                          struct err *err)
{
    static char copies[8][64]; /* The options point into them. */
    char *argv[8];
    int argc = 0;
    bool help;

    for (; words[argc]; argc++) {
        assert_true(strlen(words[argc]) < sizeof(copies[0]));
        memcpy(copies[argc], words[argc], strlen(words[argc]) + 1);
        argv[argc] = copies[argc];
    }
    return server_options_read(argc, argv, ret_options, &help, err);
}

/* Without arguments every option has its default. */
static void test_defaults(void **state)
{
    const char *const words[] = {NULL};
    struct server_options options;
    struct err err;

    (void)state;
    assert_int_equal(read(words, &options, &err), ERR_NONE);
    assert_string_equal(options.bind, ":8080");
    assert_true(options.durable);
    assert_int_equal(options.max_payload_size, 262144);
    assert_int_equal(options.retention_ms, UINT64_C(168) * 3600 * 1000);
}

/* --name value, --name=value, --flag and --flag=false all work. */
static void test_forms(void **state)
{
    const char *const words[] = {
        "--bind", "127.0.0.1:1", "--idle-timeout=1m30s", "--durable=false", "--max-body-size",
        "1MiB",   NULL};
    struct server_options options;
    struct err err;

    (void)state;
    assert_int_equal(read(words, &options, &err), ERR_NONE);
    assert_string_equal(options.bind, "127.0.0.1:1");
    assert_int_equal(options.idle_timeout_ms, 90000);
    assert_false(options.durable);
    assert_int_equal(options.max_body_size, 1 << 20);
}

/* The environment is below the arguments and above the defaults. */
static void test_environment(void **state)
{
    const char *const none[] = {NULL};
    const char *const some[] = {"--node-id", "b", NULL};
    struct server_options options;
    struct err err;

    (void)state;
    assert_int_equal(setenv("CORVO_NODE_ID", "a", 1), 0);
    assert_int_equal(read(none, &options, &err), ERR_NONE);
    assert_string_equal(options.node_id, "a");
    assert_int_equal(read(some, &options, &err), ERR_NONE);
    assert_string_equal(options.node_id, "b");
    assert_int_equal(setenv("CORVO_NODE_ID", "", 1), 0);
    assert_int_equal(read(none, &options, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "CORVO_NODE_ID"));
    assert_int_equal(unsetenv("CORVO_NODE_ID"), 0);
}

/* Each wrong argument is refused with a text that names it. */
static void test_refusals(void **state)
{
    static const struct {
        const char *words[3];
        const char *text;
    } rows[] = {
        {{"--bnid", "x"}, "did you mean --bind?"},
        {{"--completely-else"}, "see corvo server --help"},
        {{"server"}, "unexpected argument 'server'"},
        {{"--bind"}, "--bind needs a value"},
        {{"--durable=maybe"}, "neither true nor false"},
        {{"--idle-timeout", "soon"}, "is not a duration like 30s"},
        {{"--max-connections", "-1"}, "is not a number"},
        {{"--max-connections", "0"}, "out of range"},
        {{"--max-connections", "99999999999999999999"}, "is not a number"},
        {{"--log-level", "loud"}, "is not possible"},
        {{"--raft-store", "paper"}, "is not possible"},
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct server_options options;
        struct err err;

        assert_int_equal(read(rows[i].words, &options, &err), ERR_INVALID);
        if (!strstr(err.text, rows[i].text)) {
            fail_msg("'%s' does not say '%s'", err.text, rows[i].text);
        }
    }
}

/* Every row has a help text and a default that it accepts. */
static void test_rows(void **state)
{
    uint32_t count;
    const struct option *rows = server_option_rows(&count);

    (void)state;
    assert_true(count > 10);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(strlen(rows[i].help) > 10);
        assert_true(strlen(rows[i].fallback) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),    cmocka_unit_test(test_forms),
        cmocka_unit_test(test_environment), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
