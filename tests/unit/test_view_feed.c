/* Rows into the view's file, step by step and all at once: what it says is what they say. */
#include "base/limits.h"
#include "core/key.h"
#include "tests/unit/view_fixture.h"
#include "view/feed.h"
#include "view/file.h"
#include "view/schema.h"
#include "view/sql.h"
#include "view/write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* After the headers it needs. */
#include <cmocka.h>

#define CLUSTER 77

struct world {
    struct view_fixture fixture;
    struct view_feed *feed;
    struct view_file *file;
    struct err err;
};

static bool yes(void *context)
{
    (void)context;
    return true;
}

static bool no(void *context)
{
    (void)context;
    return false;
}

static void fill_with(struct world *world, bool (*may_go_on)(void *context), enum err_code want)
{
    struct view_source source = view_fixture_source(&world->fixture);
    struct kv_reader *rows;

    assert_int_equal(source.open(source.self, &rows, &world->err), ERR_NONE);
    assert_int_equal(view_feed_all(world->feed, world->file, rows, may_go_on, NULL, &world->err),
                     want);
    source.close(source.self, rows);
}

static void make_file(struct world *world)
{
    view_file_close(world->file);
    world->file = NULL;
    assert_int_equal(view_file_create(world->fixture.path, CLUSTER, &world->file, &world->err),
                     ERR_NONE);
    fill_with(world, yes, ERR_NONE);
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    char dir[96];

    assert_non_null(world);
    view_fixture_init(&world->fixture);
    (void)snprintf(dir, sizeof(dir), "%s/view", world->fixture.dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(view_feed_create(&world->feed, &world->err), ERR_NONE);
    make_file(world);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    view_file_close(world->file);
    view_feed_destroy(world->feed);
    view_fixture_done(&world->fixture);
    free(world);
    return 0;
}

/* One step over what is written; the code. */
static enum err_code step(struct world *world, uint32_t *ret_count)
{
    struct view_source source = view_fixture_source(&world->fixture);
    struct kv_reader *rows;
    enum err_code code;

    if (source.open(source.self, &rows, &world->err)) {
        return world->err.code;
    }
    code = view_feed_step(world->feed, world->file, rows, ret_count, &world->err);
    source.close(source.self, rows);
    return code;
}

static uint32_t follow(struct world *world)
{
    uint32_t count = 0;

    (void)view_fixture_write(&world->fixture);
    if (step(world, &count)) {
        fail_msg("step: %s", world->err.text);
    }
    return count;
}

static void enqueue_many(struct world *world, const char *queue, int count)
{
    char json[128];

    (void)snprintf(json, sizeof(json), "{\"queue\":\"%s\",\"tags\":{\"q\":\"%s\"}}", queue, queue);
    for (int i = 0; i < count; i++) {
        (void)view_fixture_run(&world->fixture, "enqueue", json);
    }
}

static void ack(struct world *world, const char *token)
{
    char json[128];

    (void)snprintf(json, sizeof(json), "{\"job_id\":\"job_%.26s\",\"lease_token\":\"%s\"}", token,
                   token);
    (void)view_fixture_run(&world->fixture, "ack", json);
}

static void fail_job(struct world *world, const char *token, const char *error)
{
    char json[64 * 1024];

    (void)snprintf(json, sizeof(json),
                   "{\"job_id\":\"job_%.26s\",\"lease_token\":\"%s\",\"error\":\"%s\"}", token,
                   token, error);
    (void)view_fixture_run(&world->fixture, "fail", json);
}

/* A bit of everything that a job can be. */
static void make_life(struct world *world)
{
    struct view_fixture *fixture = &world->fixture;
    char token[65];
    char json[256];
    char held[JOB_ID_MAX];

    (void)view_fixture_run(
        fixture, "enqueue",
        "{\"queue\":\"mail\",\"priority\":\"high\",\"expire_after\":\"1h\",\"unique_key\":\"u1\","
        "\"tags\":{\"to\":\"ada\",\"n\":5,\"b\":true,\"e\":\"\\u00e9\\\"\"}}");
    (void)view_fixture_run(fixture, "enqueue", "{\"queue\":\"mail\",\"tags\":{\"nested\":{}}}");
    (void)view_fixture_run(fixture, "enqueue",
                           "{\"queue\":\"later\",\"scheduled_at\":\"2030-01-01T00:00:00Z\"}");
    (void)snprintf(held, sizeof(held), "%s",
                   view_fixture_run(fixture, "enqueue", "{\"queue\":\"mail\"}"));
    (void)snprintf(json, sizeof(json), "{\"job_id\":\"%s\"}", held);
    (void)view_fixture_run(fixture, "hold", json);
    view_fixture_claim(fixture, "mail", "w1", token);
    ack(world, token);
    enqueue_many(world, "errors", 2);
    view_fixture_claim(fixture, "errors", "w2", token);
    fail_job(world, token, "no route to host 10.0.0.1");
    view_fixture_claim(fixture, "errors", "w2", token);
}

/* Method: a life of each kind in one step; then changes of them in steps of their own. */
static void test_steps(void **state)
{
    struct world *world = *state;
    char token[65];

    make_life(world);
    assert_true(follow(world) > 0);
    view_fixture_compare(&world->fixture);
    assert_int_equal(follow(world), 0);

    view_fixture_claim(&world->fixture, "mail", "w3", token);
    assert_int_equal(follow(world), 1);
    view_fixture_compare(&world->fixture);
    ack(world, token);
    (void)follow(world);
    view_fixture_compare(&world->fixture);
}

/* Method: the same rows in a file that is made anew: it says the same. */
static void test_all(void **state)
{
    struct world *world = *state;

    make_life(world);
    (void)follow(world);
    make_file(world);
    view_fixture_compare(&world->fixture);
    enqueue_many(world, "more", 3);
    (void)follow(world);
    view_fixture_compare(&world->fixture);
}

/* Method: a job that is made and gone between two steps; one that was seen and goes; a job that
 * comes back from its end. */
static void test_gone(void **state)
{
    struct world *world = *state;
    struct view_fixture *fixture = &world->fixture;
    char json[128];
    char token[65];
    char id[JOB_ID_MAX];

    (void)snprintf(json, sizeof(json), "{\"job_id\":\"%s\"}",
                   view_fixture_run(fixture, "enqueue", "{\"queue\":\"a\"}"));
    (void)view_fixture_run(fixture, "delete", json);
    (void)follow(world);
    view_fixture_compare(fixture);

    (void)snprintf(id, sizeof(id), "%s",
                   view_fixture_run(fixture, "enqueue", "{\"queue\":\"a\",\"max_retries\":0}"));
    view_fixture_claim(fixture, "a", "w", token);
    fail_job(world, token, "bad");
    (void)follow(world);
    view_fixture_compare(fixture);
    (void)snprintf(json, sizeof(json), "{\"job_id\":\"%s\"}", id);
    (void)view_fixture_run(fixture, "retry", json);
    (void)follow(world);
    view_fixture_compare(fixture);
    (void)view_fixture_run(fixture, "delete", json);
    (void)follow(world);
    view_fixture_compare(fixture);
}

/* Method: a queue that is cleared, and one that is destroyed: the boundaries are there at once, the
 * rows go with the sweeps. */
static void test_boundaries(void **state)
{
    struct world *world = *state;
    struct view_fixture *fixture = &world->fixture;
    int64_t found = 0;

    enqueue_many(world, "cleared", 5);
    enqueue_many(world, "destroyed", 5);
    (void)follow(world);
    (void)view_fixture_run(fixture, "clear", "{\"queue\":\"cleared\"}");
    (void)view_fixture_run(fixture, "destroy", "{\"queue\":\"destroyed\"}");
    (void)follow(world);
    view_fixture_compare(fixture);
    assert_int_equal(sql_number(world->file->db,
                                "SELECT count(*) FROM jobs JOIN queues ON id = queue WHERE "
                                "moved > destroyed_below AND moved > cleared_below",
                                &found, &world->err),
                     ERR_NONE);
    assert_int_equal(found, 0);
    for (int i = 0; i < 5; i++) {
        (void)view_fixture_run(fixture, "tick", "{}");
    }
    (void)follow(world);
    view_fixture_compare(fixture);
    assert_int_equal(sql_number(world->file->db, "SELECT count(*) FROM jobs", &found, &world->err),
                     ERR_NONE);
    assert_int_equal(found, 0);
}

/* Method: more errors than a job keeps, and a text that is longer than the file keeps, cut within a
 * character. */
static void test_errors(void **state)
{
    struct world *world = *state;
    struct view_fixture *fixture = &world->fixture;
    static char text[4096];
    char token[65];

    (void)view_fixture_run(fixture, "enqueue",
                           "{\"queue\":\"e\",\"max_retries\":1000,\"retry_backoff\":\"none\"}");
    for (int i = 0; i < ERROR_RECORDS_MAX + 5; i++) {
        char error[64];

        view_fixture_claim(fixture, "e", "w", token);
        (void)snprintf(error, sizeof(error), "error %c", 'a' + i % 26);
        fail_job(world, token, error);
        fixture->core.now_ns += 3600 * NS_PER_SECOND;
        (void)view_fixture_run(fixture, "tick", "{}");
        if (i % 20 == 0) {
            (void)follow(world);
        }
    }
    (void)follow(world);
    view_fixture_compare(fixture);

    for (int i = 0; i < 1500; i++) {
        (void)snprintf(text + strlen(text), 4, "\xc3\xa9");
    }
    memmove(text + 1, text, strlen(text) + 1);
    text[0] = 'x';
    view_fixture_claim(fixture, "e", "w", token);
    fail_job(world, token, text);
    (void)follow(world);
    {
        int64_t size = 0;

        assert_int_equal(sql_number(world->file->db,
                                    "SELECT length(CAST(text AS BLOB)) FROM err WHERE whole = 0",
                                    &size, &world->err),
                         ERR_NONE);
        assert_int_equal(size, VIEW_ERROR_TEXT_MAX - 1);
    }
}

/* Claims what there is and acks or fails it. */
static void end_random(struct view_fixture *fixture, int number)
{
    const struct op_fetch_reply *reply;
    const struct op_fetch_job *job;
    const char *token;
    char json[256];

    (void)snprintf(json, sizeof(json), "{\"queues\":[\"q%d\"],\"worker_id\":\"w%d\"}", number % 3,
                   number % 5);
    reply = core_fixture_run(&fixture->core, "fetch", json)->reply;
    if (!reply || reply->jobs.count == 0) {
        return;
    }
    job = reply->jobs.items;
    token = (const char *)job->lease_token.data;
    (void)snprintf(json, sizeof(json), "{\"job_id\":\"job_%.26s\",\"lease_token\":\"%.*s\"%s}",
                   token, (int)job->lease_token.size, token,
                   number % 2 ? ",\"error\":\"no 7\"" : "");
    (void)view_fixture_run(fixture, number % 2 ? "fail" : "ack", json);
}

/* Method: random operations of all kinds, a step now and then, a new file now and then. */
static void test_random(void **state)
{
    struct world *world = *state;
    struct view_fixture *fixture = &world->fixture;
    static const char *const ops[] = {"hold", "approve", "cancel", "delete", "retry"};
    static char ids[40][JOB_ID_MAX];
    unsigned int seed = 5;

    for (int i = 0; i < 1500; i++) {
        int at = rand_r(&seed) % 40;
        int what = rand_r(&seed) % 12;
        char json[256];

        fixture->core.now_ns += 50 * NS_PER_MS;
        if (what < 4 || !ids[at][0]) {
            (void)snprintf(json, sizeof(json),
                           "{\"queue\":\"q%d\",\"tags\":{\"k\":%d},\"max_retries\":1,"
                           "\"retry_backoff\":\"none\"}",
                           at % 3, at);
            (void)snprintf(ids[at], sizeof(ids[at]), "%s",
                           view_fixture_run(fixture, "enqueue", json));
        } else if (what < 9) {
            (void)snprintf(json, sizeof(json), "{\"job_id\":\"%s\"}", ids[at]);
            (void)core_fixture_run(&fixture->core, ops[what - 4], json); /* May be refused. */
        } else if (what < 11) {
            end_random(fixture, at);
        } else if (at % 10 == 0) {
            (void)core_fixture_run(&fixture->core, at % 20 ? "clear" : "destroy",
                                   "{\"queue\":\"q1\"}");
        } else {
            (void)view_fixture_run(fixture, "tick", "{}");
        }
        if (i % 37 == 0) {
            (void)follow(world);
        }
        if (i % 300 == 299) {
            (void)follow(world);
            view_fixture_compare(fixture);
            make_file(world);
            view_fixture_compare(fixture);
        }
    }
}

/* Method: the n-th call for rows fails, for every n: the file is as before, and the next step does
 * it. The same for a file that is made. */
static void test_failures(void **state)
{
    struct world *world = *state;
    struct view_fixture *fixture = &world->fixture;
    uint64_t index = world->file->mark.index;
    uint32_t n = 1;
    uint32_t count;

    make_life(world);
    (void)view_fixture_write(fixture);
    for (;; n++) {
        atomic_store(&fixture->fail_at, n);
        if (step(world, &count) == ERR_NONE) {
            break;
        }
        assert_int_equal(world->err.code, ERR_IO);
        assert_int_equal(world->file->mark.index, index);
    }
    assert_true(n > 10);
    view_fixture_compare(fixture);

    for (n = 2;; n++) {
        view_file_close(world->file);
        assert_int_equal(view_file_create(fixture->path, CLUSTER, &world->file, &world->err),
                         ERR_NONE);
        atomic_store(&fixture->fail_at, n);
        {
            struct view_source source = view_fixture_source(fixture);
            struct kv_reader *rows;
            enum err_code code;

            assert_int_equal(source.open(source.self, &rows, &world->err), ERR_NONE);
            code = view_feed_all(world->feed, world->file, rows, yes, NULL, &world->err);
            source.close(source.self, rows);
            if (code == ERR_NONE) {
                break;
            }
            assert_int_equal(code, ERR_IO);
            assert_false(world->file->complete);
        }
    }
    atomic_store(&fixture->fail_at, 0);
    view_fixture_compare(fixture);
}

/* Method: change records that were cut, another history at the same index, rows that are behind the
 * file: the first two need a new file, the last is waited for. */
static void test_history(void **state)
{
    struct world *world = *state;
    struct view_fixture *fixture = &world->fixture;
    uint32_t count;

    enqueue_many(world, "a", 3);
    (void)follow(world);
    world->file->mark.state_hash ^= 1;
    assert_int_equal(step(world, &count), ERR_STATE);
    world->file->mark.state_hash ^= 1;
    world->file->mark.term++;
    assert_int_equal(step(world, &count), ERR_STATE);
    world->file->mark.term--;
    world->file->mark.index++;
    assert_int_equal(step(world, &count), ERR_NONE);
    assert_int_equal(count, 0);
    world->file->mark.index--;

    enqueue_many(world, "a", 1);
    store_changes_cut(fixture->store, view_fixture_write(fixture));
    enqueue_many(world, "a", 1);
    (void)view_fixture_write(fixture);
    assert_int_equal(step(world, &count), ERR_STATE);
    make_file(world);
    view_fixture_compare(fixture);
}

/* Method: building is ended in its midst; the file says that it is not whole. */
static void test_ended(void **state)
{
    struct world *world = *state;

    for (int i = 0; i < 25; i++) {
        core_fixture_add(&world->fixture.core, "enqueue", 0, "{\"queue\":\"many\"}");
    }
    assert_int_equal(core_fixture_apply(&world->fixture.core), ERR_NONE);
    for (int i = 0; i < 1000; i++) {
        for (int j = 0; j < 25; j++) {
            core_fixture_add(&world->fixture.core, "enqueue", 0, "{\"queue\":\"many\"}");
        }
        assert_int_equal(core_fixture_apply(&world->fixture.core), ERR_NONE);
    }
    (void)view_fixture_write(&world->fixture);
    view_file_close(world->file);
    assert_int_equal(view_file_create(world->fixture.path, CLUSTER, &world->file, &world->err),
                     ERR_NONE);
    fill_with(world, no, ERR_CLOSED);
    view_file_close(world->file);
    world->file = NULL;
    assert_int_equal(view_file_open(world->fixture.path, CLUSTER, &world->file, &world->err),
                     ERR_CORRUPT);
}

static int64_t number_of(struct world *world, const char *sql)
{
    int64_t number = -1;

    assert_int_equal(sql_number(world->file->db, sql, &number, &world->err), ERR_NONE);
    return number;
}

/* Method: jobs on both sides of the border between two term tables; the first table goes with its
 * last job, not before, and comes back when that is taken back. */
static void test_parts(void **state)
{
    struct world *world = *state;
    static const char count[] =
        "SELECT count(*) FROM sqlite_master WHERE name IN ('terms_0', 'terms_1')";
    struct job_rows rows = {.self = NULL};
    struct kv_mark mark = {.index = 9};
    uint64_t border = UINT64_C(1) << VIEW_PART_BITS;

    assert_int_equal(view_file_begin(world->file, &world->err), ERR_NONE);
    for (uint64_t seq = border - 2; seq < border + 2; seq++) {
        struct job job = {.key = {.time_ns = seq, .seq = seq}, .state = JOB_DEAD, .queue = 3};
        struct view_job view_job = {.job = &job, .fresh = true};

        assert_int_equal(view_write_job(world->file, &rows, &view_job, &world->err), ERR_NONE);
    }
    assert_int_equal(view_write_gone(world->file, border - 1, &world->err), ERR_NONE);
    assert_int_equal(view_write_drop_parts(world->file, &world->err), ERR_NONE);
    assert_int_equal(view_file_commit(world->file, &mark, true, &world->err), ERR_NONE);
    assert_int_equal(number_of(world, count), 2);
    assert_int_equal(number_of(world, "SELECT count(*) FROM terms_0 WHERE terms_0 MATCH 'q3'"), 2);
    assert_int_equal(
        number_of(world, "SELECT count(*) FROM terms_1 WHERE terms_1 MATCH 'q3 AND s7'"), 2);

    for (int i = 0; i < 2; i++) {
        assert_int_equal(view_file_begin(world->file, &world->err), ERR_NONE);
        assert_int_equal(view_write_gone(world->file, border - 2, &world->err), ERR_NONE);
        assert_int_equal(view_write_drop_parts(world->file, &world->err), ERR_NONE);
        assert_int_equal(number_of(world, count), 1);
        if (i == 0) {
            view_file_rollback(world->file);
            assert_int_equal(number_of(world, count), 2);
        }
    }
    assert_int_equal(view_file_commit(world->file, &mark, true, &world->err), ERR_NONE);
    assert_int_equal(number_of(world, "SELECT count(*) FROM jobs"), 2);
}

/* Method: the file as it is after an end, after a crash, and with a seal that does not fit: which
 * bytes may differ. */
static void test_seal(void **state)
{
    struct world *world = *state;
    const char *path = world->fixture.path;
    char seal[128];
    FILE *file;

    enqueue_many(world, "a", 50);
    (void)follow(world);
    (void)snprintf(seal, sizeof(seal), "%s.seal", path);
    view_file_close_sealed(world->file, path);
    world->file = NULL;
    assert_int_equal(access(seal, F_OK), 0);
    assert_int_equal(view_file_open(path, CLUSTER, &world->file, &world->err), ERR_NONE);
    assert_int_equal(access(seal, F_OK), -1);

    /* A byte of the free room of the last page: harmless to SQLite, not to the seal. */
    view_file_close_sealed(world->file, path);
    world->file = NULL;
    file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, -1, SEEK_END), 0);
    assert_int_not_equal(fputc(0x5a, file), EOF);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(view_file_open(path, CLUSTER, &world->file, &world->err), ERR_CORRUPT);

    /* A seal that is none, as of a stop that broke off: SQLite's check has to do. */
    make_file(world);
    view_file_close_sealed(world->file, path);
    world->file = NULL;
    file = fopen(seal, "w");
    assert_non_null(file);
    assert_true(fputs("not a seal\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(view_file_open(path, CLUSTER, &world->file, &world->err), ERR_NONE);
    assert_int_equal(access(seal, F_OK), -1);

    /* Another cluster's. */
    view_file_close_sealed(world->file, path);
    world->file = NULL;
    assert_int_equal(view_file_open(path, CLUSTER + 1, &world->file, &world->err), ERR_CORRUPT);
    assert_int_equal(view_file_open(path, CLUSTER, &world->file, &world->err), ERR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_boundaries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_history, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_seal, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
