/* The view as a whole: it follows a store, makes its file anew when it has to, and ends when it is
 * told to, whatever it is at. */
#include "base/limits.h"
#include "tests/unit/alloc_faults.h"
#include "tests/unit/view_fixture.h"
#include "view/sql.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* After the headers it needs. */
#include <cmocka.h>

#define CLUSTER 77

struct world {
    struct view_fixture fixture;
    struct view_options options;
    struct view *view;
    char dir[96];
    sem_t woken;
    int rebuilt;
    struct err err;
};

struct rebuild {
    struct view_rebuild rebuild; /* First. */
    struct world *world;
    struct err err;
};

struct query {
    struct view_query query; /* First. */
    int64_t jobs;
    struct view_reader seen;
    struct err err;
    bool damage; /* Says that the file is damaged. */
    bool done;
};

static void wake(void *context)
{
    (void)sem_post(&((struct world *)context)->woken);
}

static enum err_code open_view(struct world *world)
{
    world->options.applied_index = world->fixture.core.index;
    return view_open(&world->options, &world->view, &world->err);
}

static void must_open(struct world *world)
{
    assert_int_equal(open_view(world), ERR_NONE);
    view_written(world->view, view_fixture_write(&world->fixture));
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    view_fixture_init(&world->fixture);
    (void)sem_init(&world->woken, 0, 0);
    (void)snprintf(world->dir, sizeof(world->dir), "%s/view", world->fixture.dir);
    world->options = (struct view_options){
        .dir = world->dir,
        .source = view_fixture_source(&world->fixture),
        .cluster_id = CLUSTER,
        .env = env_system(),
        .wake = wake,
        .wake_context = world,
    };
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    view_close(world->view);
    (void)sem_destroy(&world->woken);
    view_fixture_done(&world->fixture);
    free(world);
    return 0;
}

/* Until the view says so; each change of its status wakes us. */
static struct view_status
wait_until(struct world *world, bool (*fact)(struct world *world, const struct view_status *status))
{
    for (;;) {
        struct view_status status = view_status(world->view);

        view_poll(world->view);
        if (fact(world, &status)) {
            return status;
        }
        (void)sem_wait(&world->woken);
    }
}

static bool follows(struct world *world, const struct view_status *status)
{
    return status->state == VIEW_READY &&
           status->index == store_written_index(world->fixture.store);
}

static bool is_stopped(struct world *world, const struct view_status *status)
{
    (void)world;
    return status->state == VIEW_STOPPED;
}

static bool is_rebuilt(struct world *world, const struct view_status *status)
{
    return world->rebuilt > 0 && follows(world, status);
}

static void follow(struct world *world)
{
    view_written(world->view, view_fixture_write(&world->fixture));
    view_hurry(world->view);
    (void)wait_until(world, follows);
    view_fixture_compare(&world->fixture);
}

static void enqueue(struct world *world, int count)
{
    for (int i = 0; i < count; i++) {
        (void)view_fixture_run(&world->fixture, "enqueue", "{\"queue\":\"a\",\"tags\":{\"k\":1}}");
    }
}

static void on_rebuilt(struct view_rebuild *view_rebuild, const struct err *err)
{
    struct rebuild *rebuild = (struct rebuild *)view_rebuild;

    rebuild->err = *err;
    rebuild->world->rebuilt++;
}

static void ask_rebuild(struct world *world, struct rebuild *rebuild)
{
    *rebuild = (struct rebuild){.rebuild.done = on_rebuilt, .world = world};
    assert_int_equal(view_rebuild(world->view, &rebuild->rebuild, &world->err), ERR_NONE);
}

static enum err_code run(struct view_query *view_query, struct view_reader *reader, struct err *err)
{
    struct query *query = (struct query *)view_query;

    query->seen = *reader;
    if (query->damage) {
        return err_set(err, ERR_CORRUPT, "so it says");
    }
    return sql_number(reader->db, "SELECT count(*) FROM jobs", &query->jobs, err);
}

static void done(struct view_query *view_query, const struct err *err)
{
    struct query *query = (struct query *)view_query;

    query->err = *err;
    query->done = true;
}

static void submit(struct world *world, struct query *query, bool damage)
{
    *query = (struct query){.query = {.run = run, .done = done}, .damage = damage};
    assert_int_equal(view_submit(world->view, &query->query, &world->err), ERR_NONE);
}

static void wait_for(struct world *world, const struct query *query)
{
    while (!query->done) {
        (void)sem_wait(&world->woken);
        view_poll(world->view);
    }
}

/* Method: jobs before the file was there, then more; an orderly end; more while it was closed; a
 * query sees all of them. */
static void test_follows(void **state)
{
    static struct query query;
    struct world *world = *state;

    enqueue(world, 3);
    must_open(world);
    (void)wait_until(world, follows);
    view_fixture_compare(&world->fixture);
    enqueue(world, 5);
    follow(world);
    view_close(world->view);
    world->view = NULL;

    enqueue(world, 4);
    must_open(world);
    follow(world);
    assert_int_equal(view_status(world->view).rebuilds_total, 0);
    submit(world, &query, false);
    wait_for(world, &query);
    assert_int_equal(query.err.code, ERR_NONE);
    assert_int_equal(query.jobs, 12);
    assert_int_equal(query.seen.index, world->fixture.core.index);
    assert_false(query.seen.incomplete);
}

/* Method: change records may go up to where the file was synced, which an orderly end does. */
static void test_passed(void **state)
{
    struct world *world = *state;
    struct view_status status;

    enqueue(world, 3);
    (void)view_fixture_write(&world->fixture); /* Or it would come when the store likes. */
    must_open(world);
    status = wait_until(world, follows);
    assert_true(status.index > 0);
    assert_int_equal(status.passed, status.index); /* A new file is synced. */
    enqueue(world, 3);
    follow(world);
    assert_true(view_status(world->view).passed <= status.index);
    view_close(world->view);
    must_open(world);
    status = wait_until(world, follows);
    assert_int_equal(status.passed, status.index);
}

/* Method: two ask for a new file, more is enqueued meanwhile; both are answered, nothing is
 * missing, and nothing is left beside the file. */
static void test_rebuild(void **state)
{
    static struct rebuild rebuilds[2];
    struct world *world = *state;
    char path[128];

    enqueue(world, 10);
    must_open(world);
    (void)wait_until(world, follows);
    ask_rebuild(world, &rebuilds[0]);
    ask_rebuild(world, &rebuilds[1]);
    enqueue(world, 10);
    view_written(world->view, view_fixture_write(&world->fixture));
    (void)wait_until(world, is_rebuilt);
    while (world->rebuilt < 2) {
        (void)sem_wait(&world->woken);
        view_poll(world->view);
    }
    assert_int_equal(rebuilds[0].err.code, ERR_NONE);
    assert_int_equal(rebuilds[1].err.code, ERR_NONE);
    follow(world);
    (void)snprintf(path, sizeof(path), "%s.new", world->fixture.path);
    assert_int_equal(access(path, F_OK), -1);
}

/* Method: as many ask as may wait, and one more. */
static void test_rebuilds_are_bounded(void **state)
{
    static struct rebuild rebuilds[VIEW_REBUILDS_WAITING_MAX + 2];
    struct world *world = *state;
    uint32_t taken = 0;
    uint32_t refused = 0;

    must_open(world);
    for (size_t i = 0; i < ARRAY_COUNT(rebuilds) * 4 && refused == 0; i++) {
        struct rebuild *rebuild = &rebuilds[i % ARRAY_COUNT(rebuilds)];

        if (i >= ARRAY_COUNT(rebuilds)) {
            break;
        }
        *rebuild = (struct rebuild){.rebuild.done = on_rebuilt, .world = world};
        if (view_rebuild(world->view, &rebuild->rebuild, &world->err)) {
            assert_int_equal(world->err.code, ERR_BUSY);
            refused++;
        } else {
            taken++;
        }
    }
    view_close(world->view); /* What is not begun is answered by now. */
    world->view = NULL;
    assert_int_equal(world->rebuilt, taken);
}

/* Method: a query says that the file is damaged: it is answered with "try later", and there is a
 * new file; another one at once does not lead to another file at once. */
static void test_damage(void **state)
{
    static struct query query;
    struct world *world = *state;
    struct view_status status;

    enqueue(world, 10);
    must_open(world);
    (void)wait_until(world, follows);
    view_close(world->view);
    must_open(world);
    (void)wait_until(world, follows);
    assert_int_equal(view_status(world->view).rebuilds_total, 0);
    submit(world, &query, true);
    wait_for(world, &query);
    assert_int_equal(query.err.code, ERR_BUSY);
    do {
        (void)sem_wait(&world->woken);
        view_poll(world->view);
        status = view_status(world->view);
    } while (status.rebuilds_total == 0);
    follow(world);
    submit(world, &query, true);
    wait_for(world, &query);
    submit(world, &query, false);
    wait_for(world, &query);
    assert_int_equal(query.jobs, 10);
    assert_int_equal(view_status(world->view).rebuilds_total, 1);
}

/* Method: rows can not be read for a while: the view says so, and follows when they can. */
static void test_trouble(void **state)
{
    struct world *world = *state;
    struct view_status status;

    enqueue(world, 3);
    must_open(world);
    (void)wait_until(world, follows);
    enqueue(world, 3);
    atomic_store(&world->fixture.fail_at, 1);
    view_written(world->view, view_fixture_write(&world->fixture));
    status = wait_until(world, is_stopped);
    assert_int_equal(status.trouble.code, ERR_IO);
    assert_string_equal(status.trouble.text, "planted failure");
    (void)wait_until(world, follows);
    assert_int_equal(view_status(world->view).trouble.code, ERR_NONE);
    view_fixture_compare(&world->fixture);
}

/* Method: a directory where the file should be: queries are refused, and served when it is gone. */
static void test_no_place(void **state)
{
    static struct query query;
    struct world *world = *state;

    enqueue(world, 2);
    assert_int_equal(mkdir(world->dir, 0700), 0);
    assert_int_equal(mkdir(world->fixture.path, 0700), 0);
    must_open(world);
    (void)wait_until(world, is_stopped);
    submit(world, &query, false);
    wait_for(world, &query);
    assert_int_equal(query.err.code, ERR_BUSY);
    assert_true(view_status(world->view).incomplete);
    assert_int_equal(rmdir(world->fixture.path), 0);
    (void)wait_until(world, follows);
    submit(world, &query, false);
    wait_for(world, &query);
    assert_int_equal(query.jobs, 2);
}

/* Method: it is closed right after it was opened, and with a rebuild under way or asked for. */
static void test_closed_at_once(void **state)
{
    static struct rebuild rebuild;
    static struct query query;
    struct world *world = *state;

    enqueue(world, 200);
    for (int i = 0; i < 20; i++) {
        must_open(world);
        if (i % 2) {
            ask_rebuild(world, &rebuild);
        }
        if (i % 4 == 0) {
            submit(world, &query, false);
        }
        view_close(world->view);
        assert_true(i % 4 != 0 || query.done);
    }
    must_open(world);
    follow(world);
}

/* Method: the n-th allocation fails, for every n, until it opens: no thread and nothing else is
 * left, which the sanitizers watch. */
static void test_no_memory(void **state)
{
    struct world *world = *state;
    size_t n = 1;

    if (!alloc_faults_work) {
        n = 0; /* Sanitizers bring their own allocator: it just opens. */
    }
    for (;; n++) {
        alloc_fail_at = n;
        if (open_view(world) == ERR_NONE) {
            break;
        }
        assert_int_equal(world->err.code, ERR_NOMEM);
        assert_null(world->view);
    }
    alloc_fail_at = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_follows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_passed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rebuild, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rebuilds_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trouble, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closed_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
