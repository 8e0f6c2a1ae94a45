/* Searches on a view: each filter, order and cursor against what is known of a few jobs; jobs that
 * moved on since; hashes that lie; time that is over; failures of rows, file and memory. */
#include "base/limits.h"
#include "core/job.h"
#include "tests/unit/alloc_faults.h"
#include "tests/unit/search_fixture.h"
#include "tests/unit/sql_faults.h"
#include "view/match.h"
#include "view/schema.h"
#include "wire/json.h"
#include "wire/json_look.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

/* Jobs are named by the letter in their payload. */
struct world {
    struct search_fixture fixture;
    char ids[26][64];
    char tokens[26][64];
};

static const char *id_of(const struct world *world, char letter)
{
    return world->ids[letter - 'a'];
}

static void enqueue(struct world *world, char letter, const char *rest)
{
    const struct op_enqueue_reply *reply = search_fixture_run(
        &world->fixture, "enqueue", "{\"payload\": {\"n\": \"%c\"}, %s}", letter, rest);

    (void)snprintf(world->ids[letter - 'a'], sizeof(world->ids[0]), "%.*s", (int)reply->job_id.size,
                   (const char *)reply->job_id.data);
    world->fixture.core.now_ns += NS_PER_SECOND;
}

/* Takes the next job of a queue, which must be that one. */
static void take(struct world *world, const char *queue, char letter, const char *worker)
{
    const struct op_fetch_reply *reply = search_fixture_run(
        &world->fixture, "fetch", "{\"queues\":[\"%s\"],\"worker_id\":\"%s\"}", queue, worker);
    const struct op_fetch_job *job = reply->jobs.items;

    assert_int_equal(reply->jobs.count, 1);
    assert_true(slice_is(job->job_id, id_of(world, letter)));
    (void)snprintf(world->tokens[letter - 'a'], sizeof(world->tokens[0]), "%.*s",
                   (int)job->lease_token.size, (const char *)job->lease_token.data);
    world->fixture.core.now_ns += NS_PER_SECOND;
}

static void finish(struct world *world, const char *op, char letter, const char *rest)
{
    (void)search_fixture_run(&world->fixture, op, "{\"job_id\":\"%s\"%s}", id_of(world, letter),
                             rest);
    world->fixture.core.now_ns += NS_PER_SECOND;
}

/* a dead after two errors; b completed; c active; d pending, high; e scheduled; f held; g
 * cancelled; h pending, expires; i completed in another queue. */
static int begin(void **state)
{
    static struct world world;

    search_fixture_init(&world.fixture);
    enqueue(&world, 'a', "\"queue\":\"q1\",\"max_retries\":1,\"tags\":{\"k\":\"v\",\"n\":1}");
    take(&world, "q1", 'a', "w1");
    finish(&world, "fail", 'a', ",\"error\":\"Disk 7 is full: '/dev/sda'\"");
    enqueue(&world, 'b', "\"queue\":\"q1\",\"tags\":{\"k\":\"v\",\"x'y\":\"%\"}");
    take(&world, "q1", 'b', "w1");
    finish(&world, "ack", 'b', ",\"result\":{\"ok\":1}");
    enqueue(&world, 'c', "\"queue\":\"q1\",\"tags\":{\"k\":\"w\"}");
    take(&world, "q1", 'c', "w2");
    enqueue(&world, 'd', "\"queue\":\"q1\",\"priority\":\"high\"");
    enqueue(&world, 'e', "\"queue\":\"q1\",\"delay\":\"1h\",\"tags\":{\"k\":\"v\"}");
    enqueue(&world, 'f', "\"queue\":\"q2\"");
    finish(&world, "hold", 'f', ",\"reason\":\"look\"");
    enqueue(&world, 'g', "\"queue\":\"q2\"");
    finish(&world, "cancel", 'g', "");
    enqueue(&world, 'h', "\"queue\":\"q2\",\"expire_after\":\"2h\",\"unique_key\":\"k'1\"");
    enqueue(&world, 'i', "\"queue\":\"q3\"");
    take(&world, "q3", 'i', "w1");
    finish(&world, "ack", 'i', "");
    search_fixture_copy(&world.fixture);
    *state = &world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;

    search_fixture_done(&world->fixture);
    return 0;
}

static struct slice reply_of(struct world *world)
{
    struct slice value;
    struct err err;

    if (json_look(buf_slice(&world->fixture.reply), &value, &err)) {
        fail_msg("the reply is no JSON: %s", err.text);
    }
    return value;
}

/* The letters of the jobs of the last reply, in its order. */
static void letters_of(struct world *world, char ret_letters[32])
{
    struct json_walk walk = json_walk_of(json_member(reply_of(world), "jobs"));
    struct slice name, job;
    size_t count = 0;

    while (json_walk_next(&walk, &name, &job)) {
        ret_letters[count++] = (char)json_member(json_member(job, "payload"), "n").data[1];
    }
    ret_letters[count] = '\0';
}

static void must_search(struct world *world, const char *json)
{
    if (search_fixture_search(&world->fixture, json)) {
        fail_msg("%s: %s", json, world->fixture.err.text);
    }
}

static void expect(struct world *world, const char *json, const char *want)
{
    char letters[32], total[24];

    must_search(world, json);
    letters_of(world, letters);
    (void)snprintf(total, sizeof(total), "%zu", strlen(want));
    if (strcmp(letters, want) != 0 || !slice_is(json_member(reply_of(world), "total"), total)) {
        fail_msg("%s: %s, not %s: %.*s", json, letters, want, (int)world->fixture.reply.size,
                 (const char *)world->fixture.reply.data);
    }
}

/* Method: each filter alone, then some together; values at both sides of what jobs have. */
static void filters_leave_what_matches(void **state)
{
    struct world *world = *state;
    char json[256];

    expect(world, "{}", "ihgfedcba");
    expect(world, "{\"queue\":\"q1\"}", "edcba");
    expect(world, "{\"queue\":\"q9\"}", "");
    expect(world, "{\"state\":[\"dead\"]}", "a");
    expect(world, "{\"state\":[\"pending\",\"held\",\"active\"]}", "hfdc");
    expect(world, "{\"state\":[\"pending\",\"completed\"]}", "ihdb");
    expect(world, "{\"state\":[\"completed\",\"dead\",\"cancelled\"]}", "igba");
    expect(world, "{\"priority\":\"high\"}", "d");
    expect(world, "{\"tags\":{\"k\":\"v\"}}", "eba");
    expect(world, "{\"tags\":{\"k\":\"v\",\"n\":\"1\"}}", "a");
    expect(world, "{\"tags\":{\"x'y\":\"%\"}}", "b");
    expect(world, "{\"tags\":{\"k\":\"V\"}}", "");
    expect(world, "{\"tags_any\":[{\"k\":\"w\"},{\"n\":1}]}", "ca");
    expect(world, "{\"tags_any\":[{\"k\":\"w\"},{}]}", "ihgfedcba");
    expect(world, "{\"tags\":{\"k\":\"v\"},\"tags_any\":[{\"n\":1},{\"x'y\":\"%\"}]}", "ba");
    expect(world, "{\"payload_contains\":\"\\\"n\\\":\\\"C\"}", "c");
    expect(world, "{\"payload_contains\":\"%\"}", "");
    expect(world, "{\"error_contains\":\"disk\"}", "a");
    expect(world, "{\"error_contains\":\"d_sk\"}", "");
    expect(world, "{\"has_errors\":true}", "a");
    expect(world, "{\"worker_id\":\"w2\"}", "c");
    expect(world, "{\"worker_id\":\"w1\"}", "");
    expect(world, "{\"attempt_min\":1}", "icba");
    expect(world, "{\"attempt_max\":0}", "hgfed");
    expect(world, "{\"attempt_max\":-1}", "");
    expect(world, "{\"hold_kind\":\"api\"}", "f");
    expect(world, "{\"hold_kind\":\"budget\"}", "");
    expect(world, "{\"held_after\":\"2026-01-01T00:00:00Z\"}", "f");
    expect(world, "{\"expire_after\":\"2026-01-01T00:00:00Z\"}", "h");
    expect(world, "{\"scheduled_before\":\"2027-01-01T00:00:00Z\"}", "e");
    expect(world, "{\"completed_after\":\"2026-01-01T00:00:05Z\"}", "i");
    expect(world, "{\"started_before\":\"2026-01-01T00:00:02Z\"}", "a");
    expect(world, "{\"unique_key\":\"u\"}", "");
    expect(world, "{\"unique_key\":\"k'1\"}", "h");
    expect(world, "{\"unique_key\":\"k'1\",\"state\":[\"completed\"]}", "");
    expect(world, "{\"batch_id\":\"b\"}", "");
    expect(world, "{\"queue\":\"q1\",\"state\":[\"active\",\"scheduled\"],\"tags\":{\"k\":\"v\"}}",
           "e");
    (void)snprintf(json, sizeof(json), "{\"job_id_prefix\":\"%s\"}", id_of(world, 'd'));
    expect(world, json, "d");
    (void)snprintf(json, sizeof(json), "{\"job_id_prefix\":\"%.10s\"}", id_of(world, 'd'));
    expect(world, json, "ihgfedcba");
}

/* Method: escapes of all lengths, halves of pairs, escaped backslashes, what is cut off. */
static void escapes_are_characters(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"a", "a"},
        {"\\u00e9", "\xc3\xa9"},
        {"x\\u00E9\\u20acy", "x\xc3\xa9\xe2\x82\xacy"},
        {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
        {"\\ud83d\\u0041", "\\ud83d\\u0041"},
        {"\\ude00", "\\ude00"},
        {"\\u0041\\n\\\"", "\\u0041\\n\\\""},
        {"\\\\u00e9", "\\\\u00e9"},
        {"\\u00e", "\\u00e"},
        {"\\", "\\"},
        {"\\ud83d\\u", "\\ud83d\\u"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint8_t bytes[64];
        size_t size = strlen(rows[i][0]);
        struct slice found;

        memcpy(bytes, rows[i][0], size);
        found = match_decode(bytes, size);
        if (!slice_is(found, rows[i][1])) {
            fail_msg("%s became %.*s", rows[i][0], (int)found.size, (const char *)found.data);
        }
    }
}

/* Method: bounds on creation between, at and beyond jobs. */
static void times_of_creation_are_exact(void **state)
{
    struct world *world = *state;

    expect(world, "{\"created_after\":\"2026-01-01T00:00:00Z\"}", "ihgfedcb");
    expect(world, "{\"created_after\":\"2025-12-31T23:59:59.999999999Z\"}", "ihgfedcba");
    expect(world, "{\"created_before\":\"2026-01-01T00:00:00Z\"}", "");
    expect(world, "{\"created_before\":\"2026-01-01T00:00:00.000000001Z\"}", "a");
    expect(world,
           "{\"created_after\":\"2026-01-01T00:00:03Z\",\"created_before\":"
           "\"2026-01-01T00:00:08Z\"}",
           "c");
    expect(world, "{\"created_before\":\"1970-01-01T00:00:00Z\"}", "");
    expect(world, "{\"created_after\":\"2554-01-01T00:00:00Z\"}", "");
}

/* The whole order, one job a page. */
static void expect_pages(struct world *world, const char *filter, const char *want)
{
    char json[512], cursor[64] = "", letters[32];
    size_t count = strlen(want);

    for (size_t i = 0; i < count; i++) {
        struct slice reply, next;

        (void)snprintf(json, sizeof(json), "{%s,\"limit\":1,\"cursor\":\"%s\"}", filter, cursor);
        must_search(world, json);
        letters_of(world, letters);
        if (strlen(letters) != 1 || letters[0] != want[i]) {
            fail_msg("%s, page %zu: %s, not %c of %s", filter, i, letters, want[i], want);
        }
        reply = reply_of(world);
        assert_int_equal(json_true(json_member(reply, "has_more")), i + 1 < count);
        assert_true(slice_is(json_member(reply, "total_exact"), "true"));
        next = json_member(reply, "cursor");
        assert_int_equal(next.size > 0, i + 1 < count);
        (void)snprintf(cursor, sizeof(cursor), "%.*s", next.size ? (int)next.size - 2 : 0,
                       next.size ? (const char *)next.data + 1 : "");
    }
}

/* Method: every sort and order page by page, driven by all jobs, live ones, terms, completion. */
static void pages_have_every_job_once(void **state)
{
    struct world *world = *state;

    expect_pages(world, "\"order\":\"desc\"", "ihgfedcba");
    expect_pages(world, "\"order\":\"asc\"", "abcdefghi");
    expect_pages(world, "\"sort\":\"priority\",\"order\":\"asc\"", "dabcefghi");
    expect_pages(world, "\"sort\":\"priority\"", "ihgfecbad");
    expect_pages(world, "\"sort\":\"started_at\"", "icbahgfed");
    expect_pages(world, "\"sort\":\"started_at\",\"order\":\"asc\"", "defghabci");
    expect_pages(world, "\"sort\":\"attempt\"", "icbahgfed");
    expect_pages(world, "\"sort\":\"completed_at\"", "ibhgfedca");
    expect_pages(world, "\"sort\":\"completed_at\",\"state\":[\"completed\"]", "ib");
    expect_pages(world, "\"sort\":\"completed_at\",\"state\":[\"completed\"],\"order\":\"asc\"",
                 "bi");
    expect_pages(world, "\"sort\":\"completed_at\",\"completed_after\":\"2026-01-01T00:00:00Z\"",
                 "ib");
    expect_pages(world, "\"state\":[\"pending\",\"active\",\"held\"]", "hfdc");
    expect_pages(world, "\"state\":[\"pending\",\"active\",\"held\"],\"order\":\"asc\"", "cdfh");
    expect_pages(world, "\"queue\":\"q2\",\"state\":[\"pending\",\"held\"],\"sort\":\"priority\"",
                 "hf");
    expect_pages(world, "\"tags\":{\"k\":\"v\"}", "eba");
    expect_pages(world, "\"tags\":{\"k\":\"v\"},\"order\":\"asc\"", "abe");
    expect_pages(world, "\"tags\":{\"k\":\"v\"},\"sort\":\"started_at\"", "bae");
    expect_pages(world, "\"has_errors\":true", "a");
}

/* Method: jobs at both sides of the end of a term table, and in one far behind; each drive over
 * both, forward and back. */
static void jobs_of_several_term_tables_are_one_list(void **state)
{
    struct world *world = *state;

    search_fixture_skip(&world->fixture, (UINT64_C(1) << VIEW_PART_BITS) - 2);
    enqueue(world, 'j', "\"queue\":\"q1\",\"tags\":{\"k\":\"v\"}");
    enqueue(world, 'k', "\"queue\":\"q1\",\"tags\":{\"k\":\"v\"}");
    enqueue(world, 'l', "\"queue\":\"q9\",\"tags\":{\"k\":\"w\"}");
    search_fixture_skip(&world->fixture, UINT64_C(9) << VIEW_PART_BITS);
    enqueue(world, 'm', "\"queue\":\"q1\",\"tags\":{\"k\":\"v\"},\"priority\":\"high\"");
    search_fixture_copy(&world->fixture);
    expect(world, "{}", "mlkjihgfedcba");
    expect_pages(world, "\"tags\":{\"k\":\"v\"}", "mkjeba");
    expect_pages(world, "\"tags\":{\"k\":\"v\"},\"order\":\"asc\"", "abejkm");
    expect_pages(world, "\"tags\":{\"k\":\"v\"},\"sort\":\"priority\",\"order\":\"asc\"", "mabejk");
    expect_pages(world, "\"tags\":{\"k\":\"v\"},\"state\":[\"pending\"]", "mkj");
    expect_pages(world, "\"queue\":\"q9\"", "l");
    expect_pages(world, "\"created_after\":\"2026-01-01T00:00:18Z\",\"tags_any\":[{\"k\":\"v\"}]",
                 "mk");
}

/* Method: more queues than are remembered, in an order that forgets each before it comes again. */
static void many_queues_keep_their_names(void **state)
{
    struct world *world = *state;
    struct json_walk walk;
    struct slice name, job;
    char want[32];
    int count = 0;

    for (int i = 0; i < 600; i++) {
        (void)search_fixture_run(&world->fixture, "enqueue",
                                 "{\"queue\":\"many-%d\",\"tags\":{\"many\":1}}", i % 200);
    }
    search_fixture_copy(&world->fixture);
    must_search(world, "{\"tags\":{\"many\":1},\"order\":\"asc\",\"limit\":1000}");
    walk = json_walk_of(json_member(reply_of(world), "jobs"));
    for (; json_walk_next(&walk, &name, &job); count++) {
        (void)snprintf(want, sizeof(want), "\"many-%d\"", count % 200);
        assert_true(slice_is(json_member(job, "queue"), want));
    }
    assert_int_equal(count, 600);
}

/* Method: a new job and one that goes between two pages. */
static void pages_are_stable_under_changes(void **state)
{
    struct world *world = *state;
    char json[256];
    struct slice cursor;

    must_search(world, "{\"limit\":3}");
    cursor = json_member(reply_of(world), "cursor");
    (void)snprintf(json, sizeof(json), "{\"cursor\":%.*s}", (int)cursor.size,
                   (const char *)cursor.data);
    enqueue(world, 'j', "\"queue\":\"q1\"");
    finish(world, "delete", 'e', "");
    search_fixture_copy(&world->fixture);
    must_search(world, json);
    {
        char letters[32];

        letters_of(world, letters);
        assert_string_equal(letters, "fdcba");
    }
}

/* Method: the view stays behind while jobs move on, go, and are cleared: none is shown that does
 * not match any more. */
static void rows_decide_when_the_view_is_behind(void **state)
{
    struct world *world = *state;

    take(world, "q1", 'd', "w3");
    finish(world, "delete", 'g', "");
    finish(world, "ack", 'c', "");
    must_search(world, "{\"state\":[\"pending\",\"active\"]}");
    {
        char letters[32];

        letters_of(world, letters);
        assert_string_equal(letters, "hd");
    }
    (void)search_fixture_run(&world->fixture, "clear", "{\"queue\":\"q2\"}");
    expect(world, "{\"queue\":\"q2\"}", "f");
    search_fixture_copy(&world->fixture);
    expect(world, "{\"queue\":\"q2\"}", "f");
    expect(world, "{\"queue\":\"q2\",\"count\":\"exact\"}", "f");
}

/* Method: every job has the terms of all those before it, as if hashes were equal. */
static void hashes_that_lie_do_not_matter(void **state)
{
    struct world *world = *state;
    char letters[32];

    world->fixture.same_terms = true;
    search_fixture_copy(&world->fixture);
    must_search(world, "{\"tags\":{\"k\":\"v\"},\"limit\":2}");
    letters_of(world, letters);
    assert_string_equal(letters, "eb");
    must_search(world, "{\"worker_id\":\"w2\"}");
    letters_of(world, letters);
    assert_string_equal(letters, "c");
    must_search(world, "{\"queue\":\"q2\",\"state\":[\"cancelled\"]}");
    letters_of(world, letters);
    assert_string_equal(letters, "g");
}

/* Method: a clock that is over its limit after a number of looks, for all such numbers until the
 * answer is whole; pages that are cut go on by their cursor. */
static void time_that_is_over_is_told(void **state)
{
    static const char json[] = "{\"payload_contains\":\"n\",\"tags_any\":[{}]}";
    struct world *world = *state;
    bool cut = false;

    for (uint64_t looks = 2; looks < 100; looks++) {
        char letters[32];

        atomic_store(&world->fixture.step_ns, 1000 * NS_PER_MS / looks + 1);
        if (search_fixture_search(&world->fixture, json)) {
            assert_int_equal(world->fixture.err.code, ERR_TIMEOUT);
            continue;
        }
        letters_of(world, letters);
        assert_memory_equal(letters, "ihgfedcba", strlen(letters));
        if (!json_true(json_member(reply_of(world), "incomplete"))) {
            assert_string_equal(letters, "ihgfedcba");
            break;
        }
        cut = cut || strlen(letters) > 0;
        assert_true(slice_is(json_member(reply_of(world), "total_exact"), "false"));
        assert_int_equal(json_member(reply_of(world), "cursor").size > 0, strlen(letters) > 0);
    }
    assert_true(cut);
    atomic_store(&world->fixture.step_ns, 0);
    expect(world, json, "ihgfedcba");
}

/* Method: the n-th read of a row fails, for all n; afterwards all is as before. */
static void failures_of_rows_are_told(void **state)
{
    static const char json[] = "{\"error_contains\":\"disk\",\"tags\":{\"k\":\"v\"}}";
    struct world *world = *state;
    struct fault_kv *fault = &world->fixture.core.fault;
    uint64_t failures = 0;

    for (uint64_t at = 1;; at++) {
        fault->calls = 0;
        fault->fail_at = at;
        if (!search_fixture_search(&world->fixture, json)) {
            break;
        }
        failures++;
        assert_int_equal(world->fixture.err.code, ERR_IO);
    }
    fault->fail_at = 0;
    assert_true(failures > 3);
    expect(world, json, "a");
}

/* Method: the n-th allocation of this program fails, for all n. SQLite's own are the shared
 * library's. */
static void failures_of_memory_are_told(void **state)
{
    static const char json[] = "{\"payload_contains\":\"n\",\"error_contains\":\"disk\","
                               "\"tags\":{\"k\":\"v\"},\"tags_any\":[{\"n\":1},{\"k\":\"v\"}]}";
    struct world *world = *state;
    uint32_t failures = 0;

    if (!alloc_faults_work) {
        return;
    }
    expect(world, json, "a");
    for (size_t at = 1;; at++) {
        enum err_code code;

        alloc_fail_at = at;
        code = search_fixture_search(&world->fixture, json);
        if (alloc_fail_at > 0) {
            alloc_fail_at = 0;
            assert_int_equal(code, ERR_NONE);
            break;
        }
        failures += code ? 1 : 0;
        if (code && code != ERR_NOMEM) {
            fail_msg("allocation %zu: %s", at, world->fixture.err.text);
        }
    }
    assert_true(failures > 5);
    expect(world, json, "a");
}

/* Method: the n-th read of the file fails, for all n, each time on a new connection; afterwards all
 * is as before. */
static void failures_of_the_file_are_told(void **state)
{
    static const char json[] =
        "{\"has_errors\":true,\"tags\":{\"k\":\"v\"},\"sort\":\"started_at\"}";
    struct world *world = *state;
    int failures = 0;

    sql_faults_install();
    for (int at = 1;; at++) {
        enum err_code code;

        view_pool_set(world->fixture.pool, VIEW_POOL_SHUT);
        view_pool_set(world->fixture.pool, VIEW_POOL_OPEN);
        atomic_store(&sql_faults_read_at, at);
        code = search_fixture_search(&world->fixture, json);
        if (atomic_exchange(&sql_faults_read_at, 0) > 0) {
            assert_int_equal(code, ERR_NONE);
            break;
        }
        failures++;
        if (code != ERR_IO && code != ERR_BUSY) {
            fail_msg("read %d: code %d, %s", at, code, world->fixture.err.text);
        }
    }
    assert_true(failures > 5);
    expect(world, json, "a");
    view_pool_set(world->fixture.pool, VIEW_POOL_SHUT);
    sql_faults_remove();
}

/* Method: a file that is cut off in the middle, one that is none, and none at all. */
static void damage_of_the_file_is_told(void **state)
{
    struct world *world = *state;

    view_pool_set(world->fixture.pool, VIEW_POOL_SHUT);
    assert_int_equal(truncate(world->fixture.path, 5000), 0);
    view_pool_set(world->fixture.pool, VIEW_POOL_OPEN);
    assert_int_equal(search_fixture_search(&world->fixture, "{}"), ERR_BUSY);
    assert_true(world->fixture.is_damaged);
    search_fixture_copy(&world->fixture);
    expect(world, "{}", "ihgfedcba");
}

/* Method: groups of errors that are alike and that are not, by queue, by time, a limit; of a job
 * that is gone. */
static void errors_are_grouped(void **state)
{
    struct world *world = *state;
    struct slice group, jobs;
    struct json_walk walk;
    struct slice name;

    enqueue(world, 'k', "\"queue\":\"q4\",\"max_retries\":9,\"retry_backoff\":\"none\"");
    take(world, "q4", 'k', "w1");
    finish(world, "fail", 'k', ",\"error\":\"Disk 12 is full: 'x'\\nat line 3\"");
    search_fixture_copy(&world->fixture);
    assert_int_equal(search_fixture_errors(&world->fixture, "", 0, 10), ERR_NONE);
    walk = json_walk_of(json_member(reply_of(world), "groups"));
    assert_true(json_walk_next(&walk, &name, &group));
    assert_true(slice_is(json_member(group, "count"), "2"));
    assert_true(slice_is(json_member(group, "queues"), "[\"q4\",\"q1\"]"));
    assert_true(slice_is(json_member(group, "sample"), "\"Disk 12 is full: 'x'\\nat line 3\""));
    jobs = json_member(group, "job_ids");
    assert_int_equal(json_walk_count(jobs), 2);
    assert_false(json_walk_next(&walk, &name, &group));
    assert_int_equal(search_fixture_errors(&world->fixture, "q1", 0, 10), ERR_NONE);
    assert_int_equal(json_walk_count(json_member(reply_of(world), "groups")), 1);
    assert_int_equal(search_fixture_errors(&world->fixture, "q2", 0, 10), ERR_NONE);
    assert_int_equal(json_walk_count(json_member(reply_of(world), "groups")), 0);
    assert_int_equal(search_fixture_errors(&world->fixture, "", UINT64_C(1767225610000), 10),
                     ERR_NONE);
    walk = json_walk_of(json_member(reply_of(world), "groups"));
    assert_true(json_walk_next(&walk, &name, &group));
    assert_true(slice_is(json_member(group, "count"), "1"));
    (void)search_fixture_run(&world->fixture, "destroy", "{\"queue\":\"q1\"}");
    search_fixture_copy(&world->fixture);
    assert_int_equal(search_fixture_errors(&world->fixture, "", 0, 10), ERR_NONE);
    walk = json_walk_of(json_member(reply_of(world), "groups"));
    assert_true(json_walk_next(&walk, &name, &group));
    assert_true(slice_is(json_member(group, "count"), "1"));
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(filters_leave_what_matches),
        cmocka_unit_test(escapes_are_characters),
        TEST(times_of_creation_are_exact),
        TEST(pages_have_every_job_once),
        TEST(jobs_of_several_term_tables_are_one_list),
        TEST(many_queues_keep_their_names),
        TEST(pages_are_stable_under_changes),
        TEST(rows_decide_when_the_view_is_behind),
        TEST(hashes_that_lie_do_not_matter),
        TEST(time_that_is_over_is_told),
        TEST(failures_of_rows_are_told),
        TEST(failures_of_memory_are_told),
        TEST(failures_of_the_file_are_told),
        TEST(damage_of_the_file_is_told),
        TEST(errors_are_grouped),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
