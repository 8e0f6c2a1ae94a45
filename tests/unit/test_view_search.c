/* Bodies of searches: what is taken, what is refused and how, and that a cursor comes back. */
#include "base/common.h"
#include "base/limits.h"
#include "base/reply.h"
#include "core/job.h"
#include "view/search.h"
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct search_body body;
    struct search search;
    struct err err;
};

static enum err_code read_search(struct fixture *fixture, const char *json)
{
    fixture->err = (struct err){0};
    if (json_read(&search_body_message, JSON_REST, slice_text(json), &fixture->arena,
                  &fixture->body, &fixture->err)) {
        return fixture->err.code;
    }
    return search_check(&fixture->body, &fixture->arena, &fixture->search, &fixture->err);
}

static void expect_good(struct fixture *fixture, const char *json)
{
    if (read_search(fixture, json)) {
        fail_msg("%s: %s", json, fixture->err.text);
    }
}

static void expect_bad(struct fixture *fixture, const char *json, enum reply_code reply,
                       const char *text)
{
    assert_int_not_equal(read_search(fixture, json), ERR_NONE);
    if (reply_for_err(&fixture->err) != reply || strcmp(fixture->err.text, text) != 0) {
        fail_msg("%s: %s", json, fixture->err.text);
    }
}

static void expect_text(struct slice got, const char *want)
{
    if (!slice_is(got, want)) {
        fail_msg("'%.*s', not '%s'", (int)got.size, (const char *)got.data, want);
    }
}

static int begin(void **state)
{
    static struct fixture fixture;

    arena_init(&fixture.arena, 1 * MIB);
    *state = &fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    arena_done(&fixture->arena);
    return 0;
}

/* Method: no filter, empty filters and null ones; all of them leave every job. */
static void nothing_given_is_no_filter(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "{\"queue\":\"\",\"state\":[],\"states\":null,\"tags\":null,\"tags_any\":[],\"sort\":\"\"}",
        "{\"cursor\":\"\",\"job_id_prefix\":\"\",\"hold_kind\":\"\",\"error_fingerprint\":\"\"}",
        "{\"tags\":{},\"has_errors\":false,\"no_such_filter\":[1]}",
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
        const struct search *search = &fixture->search;

        expect_good(fixture, bodies[i]);
        assert_int_equal(search->states, 0);
        assert_int_equal(search->tags.count + search->tags_any.count, 0);
        assert_int_equal(search->limit, SEARCH_LIMIT_DEFAULT);
        assert_false(search->nothing || search->has_ids || search->has_place ||
                     search->has_fingerprint);
        assert_int_equal(search->body->sort, SEARCH_BY_CREATED_AT);
        assert_int_equal(search->body->order, SEARCH_DESC);
    }
}

/* Method: limits at, below and above their bounds (contract T11). */
static void test_T11_limits_are_clamped(void **state)
{
    struct fixture *fixture = *state;

    expect_good(fixture, "{\"limit\":1}");
    assert_int_equal(fixture->search.limit, 1);
    expect_good(fixture, "{\"limit\":1000}");
    assert_int_equal(fixture->search.limit, 1000);
    expect_good(fixture, "{\"limit\":1001}");
    assert_int_equal(fixture->search.limit, 1000);
    expect_good(fixture, "{\"limit\":9223372036854775807}");
    assert_int_equal(fixture->search.limit, 1000);
    expect_good(fixture, "{\"limit\":0}");
    assert_int_equal(fixture->search.limit, 50);
    expect_good(fixture, "{\"limit\":-5}");
    assert_int_equal(fixture->search.limit, 50);
}

/* Method: one body of each refusal. */
static void what_is_wrong_is_told(void **state)
{
    struct fixture *fixture = *state;

    expect_bad(fixture, "{\"payload_jq\":\".a\"}", REPLY_UNSUPPORTED,
               "payload_jq is not supported");
    expect_bad(fixture, "{\"tags\":[]}", REPLY_PARSE_ERROR, "tags must be an object of texts");
    expect_bad(fixture, "{\"tags\":{\"a\":{}}}", REPLY_PARSE_ERROR,
               "tags must be an object of texts");
    expect_bad(fixture, "{\"tags_any\":[{},3]}", REPLY_PARSE_ERROR,
               "each of tags_any must be an object of texts");
    expect_bad(fixture, "{\"created_after\":\"yesterday\"}", REPLY_PARSE_ERROR,
               "created_after must be a time of RFC 3339 from 1970 to 2554");
    expect_bad(fixture, "{\"error_fingerprint\":\"12\"}", REPLY_VALIDATION_ERROR,
               "error_fingerprint must be 16 hexadecimal digits");
    expect_bad(fixture, "{\"error_fingerprint\":\"123456789abcdefg\"}", REPLY_VALIDATION_ERROR,
               "error_fingerprint must be 16 hexadecimal digits");
    expect_bad(fixture, "{\"cursor\":\"eyJvZmZzZXQiOjUwfQ==\"}", REPLY_VALIDATION_ERROR,
               "cursor is none of this server's");
    assert_int_equal(read_search(fixture, "{\"state\":[\"gone\"]}"), ERR_INVALID);
    assert_int_equal(reply_for_err(&fixture->err), REPLY_VALIDATION_ERROR);
    assert_int_equal(read_search(fixture, "{\"sort\":\"payload\"}"), ERR_INVALID);
    assert_int_equal(reply_for_err(&fixture->err), REPLY_VALIDATION_ERROR);
    assert_int_equal(read_search(fixture, "{\"state\":\"dead\"}"), ERR_INVALID);
    assert_int_equal(reply_for_err(&fixture->err), REPLY_PARSE_ERROR);
}

/* Method: values of all types; a key twice, and one with an escape; as many tags as there may be,
 * and one more. */
static void tags_are_texts(void **state)
{
    struct fixture *fixture = *state;
    const struct search_tag *tags;
    char json[1024] = "{\"tags\":{\"0\":1";
    size_t size = strlen(json);

    expect_good(fixture, "{\"tags\":{\"a\":\"x\",\"\\u0062'\":4.50,\"c\":true,\"a\":\"\\\"%\"}}");
    tags = fixture->search.tags.items;
    assert_int_equal(fixture->search.tags.count, 3);
    expect_text(tags[0].key, "a");
    expect_text(tags[0].value, "\"%");
    expect_text(tags[1].key, "b'");
    expect_text(tags[1].value, "4.50");
    expect_text(tags[2].value, "true");
    for (int i = 1; i < TAGS_MAX; i++) {
        size += (size_t)snprintf(json + size, sizeof(json) - size, ",\"%d\":1", i);
    }
    (void)snprintf(json + size, sizeof(json) - size, "}}");
    expect_good(fixture, json);
    (void)snprintf(json + size, sizeof(json) - size, ",\"x\":1}}");
    expect_bad(fixture, json, REPLY_VALIDATION_ERROR, "tags has more than 32 members");
    expect_good(fixture, "{\"tags_any\":[{\"a\":\"1\"},{\"b\":\"2\",\"c\":\"3\"}]}");
    assert_int_equal(((const struct list *)fixture->search.tags_any.items)[1].count, 2);
}

static enum err_code count_tag(void *context, const struct search_tag *tag, struct err *err)
{
    uint32_t *count = context;

    (void)tag;
    (void)err;
    ++*count;
    return ERR_NONE;
}

/* Method: tags of jobs that are searched, and JSON that is only stored (A5). */
static void only_plain_tags_are_searched(void **state)
{
    static const struct {
        const char *tags;
        uint32_t count;
    } rows[] = {{"", 0},
                {"{}", 0},
                {"{\"a\":1,\"b\":\"x\",\"c\":false}", 3},
                {"{\"a\":1,\"a\":2}", 1},
                {"{\"a\":1,\"b\":null}", 0},
                {"{\"a\":[1]}", 0},
                {"[\"a\"]", 0},
                {"\"a\"", 0}};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint32_t count = 0;

        assert_int_equal(search_each_tag(slice_text(rows[i].tags), &fixture->arena, count_tag,
                                         &count, &fixture->err),
                         ERR_NONE);
        assert_int_equal(count, rows[i].count);
    }
}

/* Method: both names of the states, alone and together. */
static void states_have_two_names(void **state)
{
    struct fixture *fixture = *state;

    expect_good(fixture, "{\"state\":[\"dead\",\"held\"]}");
    assert_int_equal(fixture->search.states, 1u << JOB_DEAD | 1u << JOB_HELD);
    expect_good(fixture, "{\"states\":[\"dead\"]}");
    assert_int_equal(fixture->search.states, 1u << JOB_DEAD);
    expect_good(fixture, "{\"state\":[\"dead\",\"held\"],\"states\":[\"held\",\"active\"]}");
    assert_int_equal(fixture->search.states, 1u << JOB_HELD);
    expect_good(fixture, "{\"state\":[\"dead\"],\"states\":[\"held\"]}");
    assert_true(fixture->search.nothing);
}

/* Method: prefixes of an id at every part of it, and texts that no id begins with. */
static void prefixes_are_ranges(void **state)
{
    static const char *const none[] = {"x", "jobs", "job_g", "job_A",
                                       "job_000000000000000000000000000"};
    struct fixture *fixture = *state;
    const struct search_ids *ids = &fixture->search.ids;
    char json[128];

    expect_good(fixture, "{\"job_id_prefix\":\"jo\"}");
    assert_true(fixture->search.has_ids && !fixture->search.nothing);
    assert_true(ids->time_first == 0 && ids->time_last == UINT64_MAX);
    expect_good(fixture, "{\"job_id_prefix\":\"job_18\"}");
    assert_true(ids->time_first == UINT64_C(0x18) << 56 &&
                ids->time_last == (UINT64_C(0x19) << 56) - 1);
    expect_good(fixture, "{\"job_id_prefix\":\"job_18aaaaaaaaaaaaaa0f\"}");
    assert_true(ids->time_first == UINT64_C(0x18aaaaaaaaaaaaaa) &&
                ids->time_last == ids->time_first);
    assert_true(ids->seq_first == UINT64_C(0x0f) << 32 &&
                ids->seq_last == (UINT64_C(0x10) << 32) - 1);
    for (size_t i = 0; i < ARRAY_COUNT(none); i++) {
        (void)snprintf(json, sizeof(json), "{\"job_id_prefix\":\"%s\"}", none[i]);
        expect_good(fixture, json);
        assert_true(fixture->search.nothing);
    }
}

/* Method: a cursor of each sort and order comes back as its place; with another sort, order or byte
 * it is refused. */
static void cursors_come_back(void **state)
{
    static const char *const orders[] = {"desc", "asc"};
    struct search_place place = {.value = UINT64_C(0x7edcba9876543210), .seq = 0xabcdef};
    struct fixture *fixture = *state;
    char json[256];

    for (uint32_t sort = 0; sort < SEARCH_SORT_COUNT; sort++) {
        for (uint32_t order = 0; order < 2; order++) {
            struct slice cursor;
            const char *name = search_sort_name((enum search_sort)sort);

            (void)snprintf(json, sizeof(json), "{\"sort\":\"%s\",\"order\":\"%s\"}", name,
                           orders[order]);
            expect_good(fixture, json);
            cursor = search_cursor(&fixture->search, place, &fixture->arena);
            (void)snprintf(json, sizeof(json),
                           "{\"sort\":\"%s\",\"order\":\"%s\",\"cursor\":\"%s\"}", name,
                           orders[order], (const char *)cursor.data);
            expect_good(fixture, json);
            assert_true(fixture->search.has_place);
            assert_true(fixture->search.place.value == place.value);
            assert_true(fixture->search.place.seq == place.seq);
            (void)snprintf(json, sizeof(json),
                           "{\"sort\":\"%s\",\"order\":\"%s\",\"cursor\":\"%s\"}", name,
                           orders[!order], (const char *)cursor.data);
            expect_bad(fixture, json, REPLY_VALIDATION_ERROR,
                       "cursor is of a search with another sort or order");
            (void)snprintf(json, sizeof(json),
                           "{\"sort\":\"%s\",\"order\":\"%s\",\"cursor\":\"%sg\"}", name,
                           orders[order], (const char *)cursor.data);
            expect_bad(fixture, json, REPLY_VALIDATION_ERROR, "cursor is none of this server's");
        }
    }
}

/* Method: a body with everything, in arenas from none upwards: refused for memory, then taken. */
static void memory_that_is_missing_is_told(void **state)
{
    static const char json[] =
        "{\"queue\":\"\\u0061\",\"tags\":{\"\\u0061\":\"\\u0062\",\"c\":\"d\"},"
        "\"tags_any\":[{\"a\":\"\\u0062\"},{\"c\":1}]}";
    struct fixture *fixture = *state;
    uint32_t failures = 0;

    for (size_t size_max = 0;; size_max += 16) {
        arena_clear(&fixture->arena);
        fixture->arena.size_max = size_max;
        if (!read_search(fixture, json)) {
            break;
        }
        failures++;
        assert_int_equal(fixture->err.code, ERR_NOMEM);
    }
    assert_true(failures > 5);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(nothing_given_is_no_filter),
        TEST(test_T11_limits_are_clamped),
        TEST(what_is_wrong_is_told),
        TEST(tags_are_texts),
        TEST(only_plain_tags_are_searched),
        TEST(states_have_two_names),
        TEST(prefixes_are_ranges),
        TEST(cursors_come_back),
        TEST(memory_that_is_missing_is_told),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
