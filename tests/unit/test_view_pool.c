/* Queries on threads of their own: each is answered once, in time, and none has a file open that is
 * to be replaced. */
#include "base/env.h"
#include "base/limits.h"
#include "view/pool.h"
#include "view/schema.h"
#include "view/sql.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* After the headers it needs. */
#include <cmocka.h>

struct world {
    char dir[64], path[128];
    struct view_pool *pool;
    struct kv_reader reader;
    sem_t woken;
    atomic_int opened, closed, damaged;
    enum err_code refuse_rows; /* What opening rows answers. */
    int answered;
};

struct query {
    struct view_query query; /* First. */
    struct world *world;
    const char *sql;
    struct view_reader seen;
    int64_t number;
    struct err err;
    bool answered;
};

static enum err_code open_rows(void *self, struct kv_reader **ret_reader, struct err *err)
{
    struct world *world = self;

    if (world->refuse_rows) {
        return err_set(err, world->refuse_rows, "no rows");
    }
    (void)atomic_fetch_add(&world->opened, 1);
    *ret_reader = &world->reader;
    return ERR_NONE;
}

static void close_rows(void *self, struct kv_reader *reader)
{
    struct world *world = self;

    assert_ptr_equal(reader, &world->reader);
    (void)atomic_fetch_add(&world->closed, 1);
}

static void wake(void *context)
{
    (void)sem_post(&((struct world *)context)->woken);
}

static void damaged(void *context)
{
    (void)atomic_fetch_add(&((struct world *)context)->damaged, 1);
}

static const char spin[] = "SELECT 8"; /* Asks for its deadline first, until it is over. */

static enum err_code run(struct view_query *view_query, struct view_reader *reader, struct err *err)
{
    struct query *query = (struct query *)view_query;

    query->seen = *reader;
    while (slice_is(slice_text(query->sql), spin) && !view_reader_is_late(reader)) {
    }
    return sql_number(reader->db, query->sql, &query->number, err);
}

static void done(struct view_query *view_query, const struct err *err)
{
    struct query *query = (struct query *)view_query;

    assert_false(query->answered);
    query->answered = true;
    query->err = *err;
    query->world->answered++;
}

static void make_file(const struct world *world, int complete)
{
    sqlite3 *db = NULL;
    char text[128];
    struct err err;

    assert_int_equal(sql_open(world->path, SQL_CREATE, &db, &err), ERR_NONE);
    assert_int_equal(sql_run(db, "PRAGMA journal_mode = WAL", &err), ERR_NONE);
    assert_int_equal(sql_run(db, view_schema, &err), ERR_NONE);
    (void)snprintf(text, sizeof(text), "INSERT INTO meta VALUES (1, 5, %d, 77, 1, 0, 0)", complete);
    assert_int_equal(sql_run(db, text, &err), ERR_NONE);
    sql_close(db);
}

static void world_init(struct world *world)
{
    struct view_pool_options options = {
        .path = world->path,
        .source = {world, open_rows, close_rows},
        .env = env_system(),
        .wake = wake,
        .damaged = damaged,
        .context = world,
    };
    struct err err;

    memset(world, 0, sizeof(*world));
    (void)snprintf(world->dir, sizeof(world->dir), "/tmp/corvo-pool-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    (void)snprintf(world->path, sizeof(world->path), "%s/view.sqlite", world->dir);
    (void)sem_init(&world->woken, 0, 0);
    assert_int_equal(view_pool_create(&options, &world->pool, &err), ERR_NONE);
}

static void world_done(struct world *world)
{
    static const char *const ends[] = {"", "-wal", "-shm"};

    view_pool_destroy(world->pool);
    assert_int_equal(atomic_load(&world->opened), atomic_load(&world->closed));
    (void)sem_destroy(&world->woken);
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++) {
        char path[160];

        (void)snprintf(path, sizeof(path), "%s%s", world->path, ends[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(world->dir), 0);
}

static void submit(struct world *world, struct query *query, const char *sql, uint64_t limit_ms)
{
    struct err err;

    *query = (struct query){.world = world, .sql = sql};
    query->query.run = run;
    query->query.done = done;
    query->query.limit_ms = limit_ms;
    assert_int_equal(view_pool_submit(world->pool, &query->query, &err), ERR_NONE);
}

static void wait_for(struct world *world, int answered)
{
    while (world->answered < answered) {
        (void)sem_wait(&world->woken);
        view_pool_poll(world->pool);
    }
}

/* Method: queries before there is a file wait for it; what they see is what the file says. */
static void test_answers(void **state)
{
    static struct query queries[8];
    struct world world;

    (void)state;
    world_init(&world);
    for (size_t i = 0; i < ARRAY_COUNT(queries); i++) {
        submit(&world, &queries[i], "SELECT cluster_id FROM meta", 0);
    }
    make_file(&world, 0);
    view_pool_poll(world.pool);
    assert_int_equal(world.answered, 0);
    view_pool_set(world.pool, VIEW_POOL_OPEN);
    wait_for(&world, ARRAY_COUNT(queries));
    for (size_t i = 0; i < ARRAY_COUNT(queries); i++) {
        assert_int_equal(queries[i].err.code, ERR_NONE);
        assert_int_equal(queries[i].number, 5);
        assert_int_equal(queries[i].seen.index, 77);
        assert_true(queries[i].seen.incomplete);
        assert_ptr_equal(queries[i].seen.rows, &world.reader);
    }
    world_done(&world);
}

/* Method: a query that never ends by itself is ended in the midst of SQL, one that asks is told,
 * one that could not begin in time is not begun; others are served meanwhile. */
static void test_limit(void **state)
{
    static const char endless[] =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    static struct query stuck, spinning, late, after;
    struct world world;

    (void)state;
    world_init(&world);
    make_file(&world, 1);
    submit(&world, &late, "SELECT 1", 1);
    while (env_system()->monotonic_ns(env_system()->self) - late.query.asked_ns < 2 * NS_PER_MS) {
    }
    view_pool_set(world.pool, VIEW_POOL_OPEN);
    wait_for(&world, 1);
    assert_int_equal(late.err.code, ERR_TIMEOUT);
    assert_int_equal(atomic_load(&world.opened), 0);

    submit(&world, &stuck, endless, 20);
    submit(&world, &after, "SELECT 7", 0);
    wait_for(&world, 3);
    assert_int_equal(stuck.err.code, ERR_TIMEOUT);
    assert_int_equal(after.number, 7);
    assert_false(after.seen.incomplete);

    submit(&world, &spinning, spin, 20);
    wait_for(&world, 4);
    world_done(&world);
}

/* Method: the gate is shut behind a running query: it comes to its end first, and then no file is
 * open: another one can take its place, and is seen. */
static void test_shut(void **state)
{
    static struct query first, second;
    struct world world;

    (void)state;
    world_init(&world);
    make_file(&world, 1);
    view_pool_set(world.pool, VIEW_POOL_OPEN);
    submit(&world, &first, "SELECT idx FROM meta", 0);
    wait_for(&world, 1);
    assert_true(access(world.path, F_OK) == 0);
    view_pool_set(world.pool, VIEW_POOL_SHUT);
    submit(&world, &second, "SELECT cluster_id FROM meta", 0);
    assert_int_equal(unlink(world.path), 0);
    make_file(&world, 0);
    view_pool_set(world.pool, VIEW_POOL_OPEN);
    wait_for(&world, 2);
    assert_int_equal(second.number, 5);
    assert_true(second.seen.incomplete);
    world_done(&world);
}

/* Method: no file, a file of other bytes, rows that can not be opened, a gate that says there is
 * nothing: each query is answered, and damage is reported where it is some. */
static void test_refusals(void **state)
{
    static struct query none, foreign, rows, absent;
    struct world world;
    FILE *file;

    (void)state;
    world_init(&world);
    view_pool_set(world.pool, VIEW_POOL_OPEN);
    submit(&world, &none, "SELECT 1", 0);
    wait_for(&world, 1);
    assert_int_equal(none.err.code, ERR_BUSY);
    assert_int_equal(atomic_load(&world.damaged), 1);

    file = fopen(world.path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        (void)fputs("this is not a database", file);
    }
    assert_int_equal(fclose(file), 0);
    submit(&world, &foreign, "SELECT 1", 0);
    wait_for(&world, 2);
    assert_int_equal(foreign.err.code, ERR_BUSY);
    assert_int_equal(atomic_load(&world.damaged), 2);

    view_pool_set(world.pool, VIEW_POOL_SHUT);
    assert_int_equal(unlink(world.path), 0);
    make_file(&world, 1);
    view_pool_set(world.pool, VIEW_POOL_OPEN);
    world.refuse_rows = ERR_IO;
    submit(&world, &rows, "SELECT 1", 0);
    wait_for(&world, 3);
    assert_int_equal(rows.err.code, ERR_IO);
    assert_int_equal(atomic_load(&world.damaged), 2);

    view_pool_set(world.pool, VIEW_POOL_ABSENT);
    submit(&world, &absent, "SELECT 1", 0);
    wait_for(&world, 4);
    assert_int_equal(absent.err.code, ERR_BUSY);
    world_done(&world);
}

/* Method: a query may not write. */
static void test_read_only(void **state)
{
    static struct query query;
    struct world world;

    (void)state;
    world_init(&world);
    make_file(&world, 1);
    view_pool_set(world.pool, VIEW_POOL_OPEN);
    submit(&world, &query, "DELETE FROM meta", 0);
    wait_for(&world, 1);
    assert_int_equal(query.err.code, ERR_IO);
    world_done(&world);
}

/* Method: as many as may wait, one more; then the pool ends with all of them. */
static void test_bound_and_end(void **state)
{
    static struct query queries[VIEW_QUERIES_MAX];
    struct query more = {.query = {.run = run, .done = done}};
    struct world world;
    struct err err;

    (void)state;
    world_init(&world);
    for (size_t i = 0; i < ARRAY_COUNT(queries); i++) {
        submit(&world, &queries[i], "SELECT 1", 0);
    }
    assert_int_equal(view_pool_submit(world.pool, &more.query, &err), ERR_BUSY);
    world_done(&world);
    assert_int_equal(world.answered, VIEW_QUERIES_MAX);
    assert_int_equal(queries[0].err.code, ERR_CLOSED);
}

/* Method: the pool ends while a query runs that would not end: it is ended. */
static void test_end_in_query(void **state)
{
    static struct query query;
    struct world world;

    (void)state;
    world_init(&world);
    make_file(&world, 1);
    view_pool_set(world.pool, VIEW_POOL_OPEN);
    submit(&world, &query,
           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
           0);
    while (atomic_load(&world.opened) == 0) {
    }
    world_done(&world);
    assert_int_equal(query.err.code, ERR_TIMEOUT);
}

/* Method: as many slow queries as there are threads, which never end by themselves, then a quick
 * one: it is answered while they run and wait. */
static void test_slow_ones_leave_a_thread(void **state)
{
    struct query slow[VIEW_READERS], quick;
    struct world world;

    (void)state;
    world_init(&world);
    make_file(&world, 1);
    view_pool_set(world.pool, VIEW_POOL_OPEN);
    for (int i = 0; i < VIEW_READERS; i++) {
        slow[i] = (struct query){
            .query = {.run = run, .done = done, .slow = true}, .world = &world, .sql = spin};
        assert_int_equal(view_pool_submit(world.pool, &slow[i].query, &slow[i].err), ERR_NONE);
    }
    quick = (struct query){.query = {.run = run, .done = done}, .world = &world, .sql = "SELECT 5"};
    assert_int_equal(view_pool_submit(world.pool, &quick.query, &quick.err), ERR_NONE);
    while (!quick.answered) {
        (void)sem_wait(&world.woken);
        view_pool_poll(world.pool);
    }
    assert_int_equal(quick.number, 5);
    assert_int_equal(world.answered, 1);
    world_done(&world);
    for (int i = 0; i < VIEW_READERS; i++) {
        assert_true(slow[i].answered);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),      cmocka_unit_test(test_limit),
        cmocka_unit_test(test_shut),         cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_read_only),    cmocka_unit_test(test_bound_and_end),
        cmocka_unit_test(test_end_in_query), cmocka_unit_test(test_slow_ones_leave_a_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
