/* The contract's codes: every row, and what errors without a word of their own are answered with.
 */
#include "base/common.h"
#include "base/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

/* Method: walks all rows; each has a word that no other has, and a status of an error. */
static void test_rows(void **state)
{
    (void)state;
    for (int i = REPLY_NONE + 1; i < REPLY_COUNT; i++) {
        const struct reply_row *row = reply_row((enum reply_code)i);

        assert_non_null(row->name);
        assert_true(strlen(row->name) > 0);
        assert_int_equal(strspn(row->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), strlen(row->name));
        assert_in_range(row->status, 400, 599);
        assert_in_range(row->code, ERR_NONE + 1, ERR_COUNT - 1);
        for (int j = REPLY_NONE + 1; j < i; j++) {
            assert_string_not_equal(row->name, reply_row((enum reply_code)j)->name);
        }
    }
    assert_int_equal(reply_row(REPLY_NONE)->code, ERR_NONE);
    assert_int_equal(reply_row(REPLY_NONE)->status, 200);
}

/* Method: walks all rows; who may try again is told by a status that clients retry, and only he. */
static void test_retry(void **state)
{
    (void)state;
    for (int i = REPLY_NONE + 1; i < REPLY_COUNT; i++) {
        const struct reply_row *row = reply_row((enum reply_code)i);
        bool later = row->code == ERR_BUSY || row->code == ERR_NOT_LEADER ||
                     row->code == ERR_NO_SPACE || row->code == ERR_IO || row->code == ERR_CLOSED ||
                     row->code == ERR_TIMEOUT;
        bool tells = row->status == 408 || row->status == 429 || row->status == 503 ||
                     row->status == 504 || row->status == 507;

        assert_int_equal(later, tells);
    }
}

/* Method: each code of an error that has no word; the word's row is of the same kind, but for those
 * that the contract has no kind for. */
static void test_for_err(void **state)
{
    (void)state;
    for (int i = ERR_NONE + 1; i < ERR_COUNT; i++) {
        struct err err = {.code = (enum err_code)i};
        enum reply_code reply = reply_for_err(&err);

        assert_in_range(reply, REPLY_NONE + 1, REPLY_COUNT - 1);
        if (i == ERR_STATE) {
            assert_int_equal(reply, REPLY_VALIDATION_ERROR);
        } else if (i == ERR_CORRUPT) {
            assert_int_equal(reply, REPLY_STORAGE_FAILED);
        } else if (i == ERR_NOMEM) {
            assert_int_equal(reply, REPLY_OVERLOADED);
        } else {
            assert_int_equal(reply_row(reply)->code, i);
        }
    }
}

/* Method: an error with each word; the word is the answer, whatever the code. */
static void test_own_word(void **state)
{
    (void)state;
    for (int i = REPLY_NONE + 1; i < REPLY_COUNT; i++) {
        struct err err = {.code = ERR_NOMEM, .reply = (uint16_t)i};

        assert_int_equal(reply_for_err(&err), i);
    }
}

/* Method: sets each word, over another error and nowhere; code, word and text are those asked for.
 */
static void test_set(void **state)
{
    (void)state;
    for (int i = REPLY_NONE + 1; i < REPLY_COUNT; i++) {
        struct err err = {.code = ERR_CLOSED, .reply = 99, .text = "before"};
        enum err_code code = err_reply(&err, (enum reply_code)i, "job %d", i);
        char text[16] = "job ";

        text[4] = (char)('0' + i / 10);
        text[i < 10 ? 4 : 5] = (char)('0' + i % 10);
        assert_int_equal(code, reply_row((enum reply_code)i)->code);
        assert_int_equal(err.code, code);
        assert_int_equal(err.reply, i);
        assert_string_equal(err.text, text);
        assert_int_equal(err_reply(NULL, (enum reply_code)i, "unheard"), code);
    }
}

/* Method: a text longer than there is room for; it is cut before the NUL. */
static void test_cut(void **state)
{
    char text[2 * ERR_TEXT_MAX];
    struct err err;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)err_reply(&err, REPLY_ACK_ERROR, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),    cmocka_unit_test(test_retry),
        cmocka_unit_test(test_for_err), cmocka_unit_test(test_own_word),
        cmocka_unit_test(test_set),     cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests_name("base_reply", tests, NULL, NULL);
}
