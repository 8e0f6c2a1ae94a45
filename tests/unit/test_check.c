/* message_check: the rules of rows, on records that did not come as JSON. */
#include "base/limits.h"
#include "tests/unit/wire_rules.h"
#include "wire/check.h"

#include <stdlib.h>

struct raw_values {
    struct slice one;
    struct list all;
};

/* A record that keeps every rule. */
static struct rules good_rules(void)
{
    return (struct rules){.queue = slice_text("q")};
}

static void check_fails(const struct rules *rules, enum reply_code reply, const char *text)
{
    struct err err = {.code = ERR_NONE};

    print_message("%s\n", text);
    assert_int_equal(message_check(&rules_message, rules, &err), reply_row(reply)->code);
    assert_int_equal(err.reply, reply);
    assert_string_equal(err.text, text);
}

/* Method: the good record, then one rule broken at a time. */
static void test_values(void **state)
{
    struct slice names[] = {slice_text("a"), slice_text("abcde"), slice_text("c")};
    struct rules rules = good_rules();

    (void)state;
    check_fails(&rules, REPLY_NONE, "");
    rules.queue = slice_of(NULL, 0);
    check_fails(&rules, REPLY_VALIDATION_ERROR, "queue is required");
    rules.queue = slice_text("123456789");
    check_fails(&rules, REPLY_VALIDATION_ERROR, "queue is longer than 8 bytes");
    rules.queue = slice_of("a\0b", 3);
    check_fails(&rules, REPLY_VALIDATION_ERROR, "queue has a NUL character");
    rules.queue = slice_text("\xff");
    check_fails(&rules, REPLY_PARSE_ERROR, "queue is not UTF-8");
    rules = good_rules();
    rules.small = 6;
    check_fails(&rules, REPLY_VALIDATION_ERROR, "small must be from -1 to 5");
    rules.small = -2;
    check_fails(&rules, REPLY_VALIDATION_ERROR, "small must be from -1 to 5");
    rules = good_rules();
    rules.delay = UINT64_MAX;
    check_fails(&rules, REPLY_VALIDATION_ERROR, "delay must be from 10 to 1000");
    rules = good_rules();
    rules.level = 2;
    check_fails(&rules, REPLY_VALIDATION_ERROR, "level has no value 2");
    rules.level = 4;
    check_fails(&rules, REPLY_VALIDATION_ERROR, "level has no value 4");
    rules = good_rules();
    rules.raw = slice_text("[1,");
    check_fails(&rules, REPLY_PARSE_ERROR, "raw is not JSON, or nests too deep");
    rules.raw = slice_text("[1,2,3,4,5,6,7,8]");
    check_fails(&rules, REPLY_VALIDATION_ERROR, "raw is longer than 16 bytes");
    rules = good_rules();
    rules.names = (struct list){names, 2};
    check_fails(&rules, REPLY_VALIDATION_ERROR, "names is longer than 4 bytes");
    rules.names.count = 3;
    check_fails(&rules, REPLY_VALIDATION_ERROR, "names has more than 2 items");
    rules.names.count = 1;
    check_fails(&rules, REPLY_NONE, "");
}

/* Method: raw JSON that is empty: absent as a field, nothing as an item of a list. */
static void test_empty_json(void **state)
{
    static const struct field fields[] = {
        {.name = "one", .kind = FIELD_JSON, .tag = 1},
        {.name = "all",
         .kind = FIELD_JSON,
         .flags = FIELD_LIST,
         .tag = 2,
         .offset = offsetof(struct raw_values, all)},
    };
    static const struct message message = {
        .name = "Raw", .fields = fields, .field_count = 2, .size = sizeof(struct raw_values)};
    struct slice items[] = {slice_text("1"), slice_text("")};
    struct raw_values values = {.all = {items, 1}};
    struct err err = {.code = ERR_NONE};

    (void)state;
    assert_int_equal(message_check(&message, &values, &err), ERR_NONE);
    values.all.count = 2;
    assert_int_equal(message_check(&message, &values, &err), ERR_INVALID);
    assert_string_equal(err.text, "all is not JSON, or nests too deep");
}

/* Method: a duration of its most and one more; the JSON reader refuses the second as well. */
static void test_durations(void **state)
{
    static const struct field fields[] = {
        {.name = "wait", .kind = FIELD_DURATION, .tag = 1},
    };
    static const struct message message = {
        .name = "Wait", .fields = fields, .field_count = 1, .size = sizeof(uint64_t)};
    uint64_t wait = DURATION_MS_MAX;
    struct err err = {.code = ERR_NONE};

    (void)state;
    assert_int_equal(message_check(&message, &wait, &err), ERR_NONE);
    wait++;
    assert_int_equal(message_check(&message, &wait, &err), ERR_INVALID);
    assert_string_equal(err.text, "wait is longer than ten years");
}

/* Method: a rule broken inside a message, a list's item and a map's; the text names the place. */
static void test_places(void **state)
{
    struct rules_item items[] = {{.queue = slice_text("a")}, {.delay = 1}};
    struct rules_item outer = {.queue = slice_text("a"), .item = &items[1]};
    struct rules_entry entries[] = {{.key = slice_text("j1"), .value = items[0]},
                                    {.key = slice_text("j2"), .value = items[1]}};
    struct rules rules = good_rules();

    (void)state;
    rules.jobs = (struct list){items, 2};
    check_fails(&rules, REPLY_VALIDATION_ERROR, "jobs[1].queue is required");
    rules.jobs.count = 1;
    check_fails(&rules, REPLY_NONE, "");
    rules.item = &outer;
    check_fails(&rules, REPLY_VALIDATION_ERROR, "item.item.queue is required");
    rules.item = &items[0];
    check_fails(&rules, REPLY_NONE, "");
    rules.entries = (struct list){entries, 2};
    check_fails(&rules, REPLY_VALIDATION_ERROR, "entries.j2.queue is required");
    entries[1].value = items[0];
    check_fails(&rules, REPLY_NONE, "");
    entries[0].key = slice_text("\xff");
    check_fails(&rules, REPLY_PARSE_ERROR, "entries is not UTF-8");
    rules.entries.count = 3;
    check_fails(&rules, REPLY_VALIDATION_ERROR, "entries has more than 2 items");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_empty_json),
        cmocka_unit_test(test_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
