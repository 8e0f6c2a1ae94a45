/* The server's option rows, and the values that they take. */
#include "base/limits.h"
#include "server/option_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

static const struct option *row_of(const char *name)
{
    int at = server_option_find(name, strlen(name));
    uint32_t count;

    assert_true(at >= 0);
    return &server_option_rows(&count)[at];
}

static enum err_code set(const char *name, const char *text, struct server_options *options,
                         struct err *err)
{
    return option_set(row_of(name), text, options, err);
}

/* Method: every row; its default is accepted and within its range, its name is found and unique,
 * its flags go together, and only rows that are not built have no field. */
static void test_rows(void **state)
{
    uint32_t count;
    const struct option *rows = server_option_rows(&count);

    (void)state;
    assert_in_range(count, 60, OPTION_ROWS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        bool unbuilt = rows[i].flags & (OPTION_UNBUILT | OPTION_IDLE);
        struct server_options options;
        char range[OPTION_RANGE_TEXT_MAX];
        struct err err = {0};

        if (option_set(&rows[i], rows[i].fallback, &options, &err)) {
            fail_msg("--%s: the default is refused: %s", rows[i].name, err.text);
        }
        assert_int_equal(server_option_find(rows[i].name, strlen(rows[i].name)), i);
        assert_true(rows[i].group < GROUP_COUNT);
        assert_true(strlen(rows[i].help) > 5);
        assert_int_equal(rows[i].offset == OPTION_NOWHERE, unbuilt);
        assert_false(rows[i].flags & OPTION_UNBUILT && rows[i].flags & OPTION_IDLE);
        option_range(&rows[i], range);
        assert_true(strlen(range) > 0);
    }
    for (enum option_group group = 0; group < GROUP_COUNT; group++) {
        assert_non_null(option_group_title(group));
    }
}

/* Method: texts of each kind, and what they are in the struct. */
static void test_kinds(void **state)
{
    struct server_options options = {0};
    struct err err;

    (void)state;
    assert_int_equal(set("bind", "127.0.0.1:1", &options, &err), ERR_NONE);
    assert_string_equal(options.bind, "127.0.0.1:1");
    assert_int_equal(set("idle-timeout", "1m30s", &options, &err), ERR_NONE);
    assert_int_equal(options.idle_timeout_ms, 90000);
    assert_int_equal(set("durable", "1", &options, &err), ERR_NONE);
    assert_true(options.durable);
    assert_int_equal(set("durable", "false", &options, &err), ERR_NONE);
    assert_false(options.durable);
    assert_int_equal(set("max-body-size", "1MiB", &options, &err), ERR_NONE);
    assert_int_equal(options.max_body_size, MIB);
    assert_int_equal(set("max-body-size", "2KB", &options, &err), ERR_NONE);
    assert_int_equal(options.max_body_size, 2000);
    assert_int_equal(set("max-connections", "17", &options, &err), ERR_NONE);
    assert_int_equal(options.max_connections, 17);
    assert_int_equal(set("config", "", &options, &err), ERR_NONE);
}

/* Method: each way in which a value is wrong; the text says what is possible, the field stays. */
static void test_refusals(void **state)
{
    static char long_text[OPTION_VALUE_MAX + 2];
    static const struct {
        const char *name, *text, *says;
        enum err_code code;
    } rows[] = {
        {"durable", "maybe", "'maybe' is not true or false", ERR_INVALID},
        {"idle-timeout", "soon", "is not a duration like 30s, 1h30m or 7d", ERR_INVALID},
        {"idle-timeout", "-5s", "is not a duration", ERR_INVALID},
        {"idle-timeout", "0s", "is out of range: want 1ms to 3660d", ERR_INVALID},
        {"max-connections", "-1", "is not a number", ERR_INVALID},
        {"max-connections", "1x", "is not a number", ERR_INVALID},
        {"max-connections", "", "is not a number", ERR_INVALID},
        {"max-connections", "0", "'0' is out of range: want 1 to 1000000", ERR_INVALID},
        {"max-connections", "99999999999999999999", "is not a number", ERR_INVALID},
        {"max-body-size", "1", "is out of range: want 1KiB to 64MiB", ERR_INVALID},
        {"max-body-size", "99999999999GiB", "is not a size like 64KiB", ERR_INVALID},
        {"max-body-size", "4 KiB", "is not a size", ERR_INVALID},
        {"log-level", "loud", "'loud' is not possible: want one of debug, info, warn, error",
         ERR_INVALID},
        {"bind", "", "may not be empty (default :8080)", ERR_INVALID},
        {"bind", long_text, "longer than 4096 bytes", ERR_INVALID},
        {"join", "http://a", "not built yet in this version: leave it at ''", ERR_UNSUPPORTED},
        {"raft-shards", "2", "not built yet in this version: leave it at '1'", ERR_UNSUPPORTED},
        {"raft-shards", "two", "is not a number", ERR_INVALID},
    };

    (void)state;
    memset(long_text, 'x', sizeof(long_text) - 1);
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct server_options options;
        struct server_options before;
        struct err err = {0};

        memset(&options, 0x5a, sizeof(options));
        before = options;
        assert_int_equal(set(rows[i].name, rows[i].text, &options, &err), rows[i].code);
        if (!strstr(err.text, rows[i].says)) {
            fail_msg("--%s: '%s' does not say '%s'", rows[i].name, err.text, rows[i].says);
        }
        assert_memory_equal(&options, &before, sizeof(options));
    }
}

/* Method: the default of something that is not built, spelled otherwise, is accepted; so is any
 * value of what is idle. */
static void test_not_built(void **state)
{
    struct server_options options;
    struct err err;

    (void)state;
    assert_int_equal(set("events-retention", "168h", &options, &err), ERR_NONE);
    assert_int_equal(set("rate-limit-enabled", "0", &options, &err), ERR_NONE);
    assert_int_equal(set("apply-multi-mode", "indexed", &options, &err), ERR_NONE);
    assert_int_equal(set("apply-multi-mode", "none", &options, &err), ERR_INVALID);
    assert_int_equal(set("snapshot-threshold", "5", &options, &err), ERR_NONE);
}

/* Method: equal values of each kind in two spellings, and unequal ones. */
static void test_same(void **state)
{
    (void)state;
    assert_true(option_same(row_of("retention"), "7d", "168h"));
    assert_false(option_same(row_of("retention"), "7d", "168h1s"));
    assert_true(option_same(row_of("max-body-size"), "1MiB", "1024K"));
    assert_true(option_same(row_of("durable"), "true", "1"));
    assert_false(option_same(row_of("durable"), "true", "0"));
    assert_true(option_same(row_of("bind"), ":1", ":1"));
    assert_false(option_same(row_of("bind"), ":1", ":01"));
}

/* Method: names to and from the environment and slips. */
static void test_names(void **state)
{
    char name[OPTION_ENVIRONMENT_MAX];

    (void)state;
    option_environment(row_of("raft-max-fetch-inflight"), name);
    assert_string_equal(name, "CORVO_RAFT_MAX_FETCH_INFLIGHT");
    assert_int_equal(server_option_find("bind", 3), -1);
    assert_int_equal(server_option_find("binds", 5), -1);
    assert_string_equal(server_option_suggest("bnid"), "bind");
    assert_string_equal(server_option_suggest("data-dri"), "data-dir");
    assert_null(server_option_suggest("completely-else"));
}

/* Method: the help names every row that has an effect, with its default, and none that has not; no
 * line is too long or ends in a blank. */
static void test_help(void **state)
{
    uint32_t count;
    const struct option *rows = server_option_rows(&count);
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    char rest[64];
    uint32_t hidden = 0;

    (void)state;
    assert_non_null(file);
    server_options_help(file);
    assert_int_equal(fclose(file), 0);
    for (uint32_t i = 0; i < count; i++) {
        char name[OPTION_ENVIRONMENT_MAX];
        bool idle = rows[i].flags & (OPTION_UNBUILT | OPTION_IDLE);

        hidden += idle;
        (void)snprintf(name, sizeof(name), "\n  --%s ", rows[i].name);
        assert_int_equal(strstr(text, name) == NULL, idle);
    }
    assert_non_null(strstr(text, "[:8080]"));
    (void)snprintf(rest, sizeof(rest), "\n%u more are known", hidden);
    assert_non_null(strstr(text, rest));
    assert_null(strstr(text, " \n"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") <= 100);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_not_built),
        cmocka_unit_test(test_same),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_help),
    };

    return cmocka_run_group_tests_name("server_options", tests, NULL, NULL);
}
