/* How the files that a process may open are shared between connections, the store and the rest. */
#include "base/log.h"
#include "server/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* After the headers it needs. */
#include <cmocka.h>

static int quiet(void **state)
{
    (void)state;
    log_setup((enum log_level)(LOG_ERROR + 1), LOG_TEXT);
    return 0;
}

/* Connections leave an eighth, and 256 at least, and 64 for those who are refused; the store holds
 * half of the eighth open. */
static void test_shares(void **state)
{
    static const struct {
        uint64_t files, connections;
        uint32_t store;
    } rows[] = {
        {0, 0, 128},
        {320, 0, 128},
        {321, 1, 128},
        {1024, 704, 128},
        {2048, 1728, 128},
        {4096, 3520, 256},
        {65536, 57280, 4096},
        {1048576, 917440, 65536},
        {UINT64_MAX, UINT64_MAX - UINT64_MAX / 8 - 64, 1000000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(files_for_connections(rows[i].files), rows[i].connections);
        assert_int_equal(files_for_store(rows[i].files), rows[i].store);
    }
}

/* What soft and hard limits make of 20,000 connections, and when a start is refused. */
static void test_prepare(void **state)
{
    static char *words[] = {NULL};
    static struct config config;
    struct refusal refusal = {0};
    uint64_t files_max = 0;
    struct rlimit before, now;

    (void)state;
    assert_true(config_read(&config, 0, words));
    assert_int_equal(config.options.max_connections, 20000);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(before.rlim_max >= 4096);
    now = (struct rlimit){.rlim_cur = 300, .rlim_max = 4096};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    assert_true(files_prepare(&config, &refusal, &files_max));
    assert_int_equal(files_max, 4096);
    assert_int_equal(config.options.max_connections, 3520);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_int_equal(now.rlim_cur, 4096); /* The soft limit is raised. */
    now = (struct rlimit){.rlim_cur = 320, .rlim_max = 320};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0); /* There is no way back. */
    assert_false(files_prepare(&config, &refusal, &files_max));
    assert_int_equal(refusal.kind, REFUSAL_FILES);
    assert_non_null(strstr(refusal.text, "may open 320 files, and needs more than 320"));
    config_done(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_prepare),
    };

    return cmocka_run_group_tests_name("server_files", tests, quiet, NULL);
}
