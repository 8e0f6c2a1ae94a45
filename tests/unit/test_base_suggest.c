/* Which name is taken for a slip of the keyboard. */
#include "base/common.h"
#include "base/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

static const char *const names[] = {"drain",  "due", "wake", "retention", "retention-interval",
                                    "tls-key"};

/* Method: slips of each kind (swapped, dropped, added, wrong letter), a name that is right. */
static void test_near(void **state)
{
    static const char *const rows[][2] = {
        {"drian", "drain"},          {"wake", "wake"},           {"rtention", "retention"},
        {"retentionn", "retention"}, {"retentiom", "retention"}, {"deu", "due"},
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *found = suggest_name(rows[i][0], names, ARRAY_COUNT(names));

        assert_non_null(found);
        assert_string_equal(found, rows[i][1]);
    }
}

/* Method: strangers, and names at the bound of what is compared: they are near to nothing. */
static void test_far(void **state)
{
    char longest[SUGGEST_NAME_MAX + 2];
    const char *const same[] = {longest};

    (void)state;
    assert_null(suggest_name("throughput", names, ARRAY_COUNT(names)));
    assert_null(suggest_name("api-key", names, ARRAY_COUNT(names)));
    assert_null(suggest_name("wake", names, 0));
    assert_null(suggest_name("dew", names, ARRAY_COUNT(names))); /* Two letters of three. */
    assert_null(suggest_name("", names, ARRAY_COUNT(names)));
    memset(longest, 'x', sizeof(longest));
    longest[SUGGEST_NAME_MAX] = '\0';
    assert_ptr_equal(suggest_name(longest, same, 1), longest);
    longest[SUGGEST_NAME_MAX] = 'x';
    longest[SUGGEST_NAME_MAX + 1] = '\0';
    assert_null(suggest_name(longest, same, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_far),
    };

    return cmocka_run_group_tests_name("base_suggest", tests, NULL, NULL);
}
