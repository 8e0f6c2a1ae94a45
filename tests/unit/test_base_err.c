/* Error values: what is set, kept and cut. */
#include "base/err.h"
#include "base/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

/* Method: sets over an old error; code and text are the new ones, the contract's word is gone. */
static void test_set(void **state)
{
    struct err err = {.reply = REPLY_ACK_ERROR, .text = "before"};

    (void)state;
    assert_int_equal(err_set(&err, ERR_BUSY, "%d jobs of %s", 7, "mail"), ERR_BUSY);
    assert_int_equal(err.code, ERR_BUSY);
    assert_int_equal(err.reply, REPLY_NONE);
    assert_string_equal(err.text, "7 jobs of mail");
}

/* Method: sets nothing at all; only the code comes back. */
static void test_set_nowhere(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_IO, "%s", "unheard"), ERR_IO);
}

/* Method: texts around the limit; what is over it goes, the end is a NUL. */
static void test_cut(void **state)
{
    char text[2 * ERR_TEXT_MAX];
    struct err err;

    (void)state;
    for (size_t size = ERR_TEXT_MAX - 2; size < sizeof(text) - 1; size++) {
        size_t kept = size < ERR_TEXT_MAX ? size : ERR_TEXT_MAX - 1;

        memset(text, 'x', size);
        text[size] = '\0';
        memset(&err, 0xff, sizeof(err));
        assert_int_equal(err_set(&err, ERR_INVALID, "%s", text), ERR_INVALID);
        assert_int_equal(strlen(err.text), kept);
        assert_memory_equal(err.text, text, kept);
    }
}

/* Method: a prefix before an error with a word of the contract; only the text changes. */
static void test_prefix(void **state)
{
    struct err err;

    (void)state;
    (void)err_reply(&err, REPLY_LEASE_LOST, "the lease is of another job");
    assert_int_equal(err_prefix(&err, "acks[%d]", 3), ERR_LEASE_LOST);
    assert_int_equal(err.code, ERR_LEASE_LOST);
    assert_int_equal(err.reply, REPLY_LEASE_LOST);
    assert_string_equal(err.text, "acks[3]: the lease is of another job");
}

/* Method: the longest prefix before the longest text; some of both is left, and a NUL. */
static void test_prefix_cut(void **state)
{
    char text[ERR_TEXT_MAX];
    struct err err;

    (void)state;
    memset(text, 'p', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memset(err.text, 't', sizeof(err.text) - 1);
    err.text[sizeof(err.text) - 1] = '\0';
    err.code = ERR_IO;
    err.reply = 0;
    assert_int_equal(err_prefix(&err, "%s", text), ERR_IO);
    assert_true(strlen(err.text) < ERR_TEXT_MAX);
    assert_non_null(strstr(err.text, "ppp: ttt"));
}

/* Method: the names of all codes, compared in pairs, and of numbers that are none. */
static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < ERR_COUNT; i++) {
        const char *name = err_code_name((enum err_code)i);

        assert_string_not_equal(name, "unknown");
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(name, err_code_name((enum err_code)j));
        }
    }
    assert_string_equal(err_code_name(ERR_COUNT), "unknown");
    assert_string_equal(err_code_name((enum err_code)1000), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),        cmocka_unit_test(test_set_nowhere),
        cmocka_unit_test(test_cut),        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_prefix_cut), cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("base_err", tests, NULL, NULL);
}
