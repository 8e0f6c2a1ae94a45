/* Workers in memory: heard of, lost, forgotten; their jobs; bounds. */
#include "base/limits.h"
#include "node/presence.h"
#include "tests/unit/core_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* After the headers it needs. */
#include <cmocka.h>

#define SECOND NS_PER_SECOND

struct crew {
    struct core_fixture core;
    struct presence presence;
    struct arena arena;
    struct list workers; /* Of the last list. */
    uint64_t now_ns;
};

static int setup(void **state)
{
    struct crew *crew = calloc(1, sizeof(*crew));

    assert_non_null(crew);
    core_fixture_init(&crew->core);
    presence_init(&crew->presence);
    arena_init(&crew->arena, ENTRY_ARENA_MAX);
    crew->now_ns = crew->core.now_ns;
    *state = crew;
    return 0;
}

static int teardown(void **state)
{
    struct crew *crew = *state;

    presence_done(&crew->presence);
    core_fixture_done(&crew->core);
    arena_done(&crew->arena);
    free(crew);
    return 0;
}

static struct op_fetch fetch_of(const char *worker, struct slice *queue)
{
    *queue = slice_text("q");
    return (struct op_fetch){.queues = {.items = queue, .count = 1},
                             .worker_id = slice_text(worker)};
}

static void ask(struct crew *crew, const char *worker)
{
    struct slice queue;
    struct op_fetch fetch = fetch_of(worker, &queue);

    presence_asks(&crew->presence, crew->now_ns, &fetch);
}

/* Enqueues and claims `count` jobs for the worker, as core would. */
static void claim(struct crew *crew, const char *worker, uint32_t count)
{
    struct slice queue;
    struct op_fetch fetch = fetch_of(worker, &queue);
    const struct op_fetch_reply *reply;
    char json[100];

    for (uint32_t i = 0; i < count; i++) {
        (void)core_fixture_run(&crew->core, "enqueue", "{\"queue\":\"q\"}");
    }
    (void)snprintf(json, sizeof(json), "{\"queues\":[\"q\"],\"count\":%u,\"worker_id\":\"%s\"}",
                   count, worker);
    reply = core_fixture_run(&crew->core, "fetch", json)->reply;
    assert_int_equal(reply->jobs.count, count);
    presence_took(&crew->presence, crew->core.core, crew->now_ns, &fetch, &reply->jobs);
}

static const struct worker_object *list(struct crew *crew)
{
    struct err err;

    arena_clear(&crew->arena);
    assert_int_equal(presence_list(&crew->presence, crew->core.core, crew->now_ns, &crew->arena,
                                   &crew->workers, &err),
                     ERR_NONE);
    return crew->workers.items;
}

/* Those heard of last come first; silence makes them lost, then gone. */
static void test_silence(void **state)
{
    struct crew *crew = *state;
    const struct worker_object *workers;

    ask(crew, "a");
    crew->now_ns += 30 * SECOND;
    ask(crew, "b");
    ask(crew, "");
    workers = list(crew);
    assert_int_equal(crew->workers.count, 2);
    assert_true(slice_is(workers[0].id, "b") && slice_is(workers[1].id, "a"));
    assert_true(slice_is(workers[1].state, "idle"));
    assert_true(slice_is(workers[1].queues, "\"[\\\"q\\\"]\""));
    assert_null(workers[1].hostname.data);
    crew->now_ns += 60 * SECOND;
    workers = list(crew);
    assert_true(slice_is(workers[1].state, "lost") && slice_is(workers[0].state, "idle"));
    ask(crew, "a");
    workers = list(crew);
    assert_true(slice_is(workers[0].id, "a") && slice_is(workers[0].state, "idle"));
    assert_true(workers[0].started_at == crew->now_ns - 90 * SECOND);
    crew->now_ns += 540 * SECOND;
    (void)list(crew);
    assert_int_equal(crew->workers.count, 1);
    crew->now_ns += 60 * SECOND;
    (void)list(crew);
    assert_int_equal(crew->workers.count, 0);
}

/* A job is the worker's from its claim to its end, or until another claims it. */
static void test_jobs(void **state)
{
    struct crew *crew = *state;
    const struct worker_object *workers;
    struct slice moved;
    struct job_key key;
    char json[100];

    claim(crew, "a", 3);
    workers = list(crew);
    assert_int_equal(workers[0].active, 3);
    assert_int_equal(workers[0].active_jobs.count, 3);
    assert_true(slice_is(workers[0].state, "busy"));
    moved = ((const struct slice *)workers[0].active_jobs.items)[1];
    assert_true(job_id_parse(moved, &key));
    presence_beats(&crew->presence, crew->now_ns, slice_text("b"), slice_text("h"), key);
    (void)snprintf(json, sizeof(json), "{\"job_id\":\"%.*s\"}",
                   (int)((const struct slice *)workers[0].active_jobs.items)[0].size,
                   (const char *)((const struct slice *)workers[0].active_jobs.items)[0].data);
    assert_int_equal(core_fixture_run(&crew->core, "ack", json)->err.code, ERR_NONE);
    workers = list(crew);
    assert_true(slice_is(workers[0].id, "b"));
    assert_true(slice_is(workers[0].hostname, "\"h\""));
    assert_int_equal(workers[0].active, 1);
    assert_int_equal(workers[1].active, 1);
}

/* Many more jobs than are shown, all ended: what is remembered does not grow with what was done. */
static void test_ended_jobs_are_forgotten(void **state)
{
    struct crew *crew = *state;
    const struct worker_object *workers;

    for (uint32_t i = 0; i < 50; i++) {
        claim(crew, "a", 100);
        crew->core.now_ns += 61 * SECOND;
        (void)core_fixture_run(&crew->core, "tick", "{}");
        (void)core_fixture_run(&crew->core, "fetch",
                               "{\"queues\":[\"q\"],\"count\":100,\"worker_id\":\"other\"}");
        crew->core.now_ns += 61 * SECOND;
        (void)core_fixture_run(&crew->core, "tick", "{}");
        (void)core_fixture_run(&crew->core, "fetch",
                               "{\"queues\":[\"q\"],\"count\":100,\"worker_id\":\"other\"}");
        crew->core.now_ns += 61 * SECOND;
        (void)core_fixture_run(&crew->core, "tick", "{}");
        assert_true(crew->presence.job_count <= 300);
    }
    claim(crew, "a", 150);
    workers = list(crew);
    assert_int_equal(workers[0].active, 150);
    assert_int_equal(workers[0].active_jobs.count, WORKER_JOBS_SHOWN);
}

/* More workers and jobs than may be known: those silent longest go. */
static void test_bounds(void **state)
{
    struct crew *crew = *state;
    const struct worker_object *workers;
    char name[20];

    for (uint32_t i = 0; i < WORKERS_MAX + 10; i++) {
        (void)snprintf(name, sizeof(name), "w%u", i);
        crew->now_ns += 1000;
        ask(crew, name);
        assert_true(crew->presence.count <= WORKERS_MAX);
    }
    workers = list(crew);
    assert_int_equal(crew->workers.count, WORKERS_MAX);
    assert_true(slice_is(workers[0].id, name));
    assert_true(slice_is(workers[WORKERS_MAX - 1].id, "w10"));
    for (uint32_t i = 1; i <= WORKER_JOBS_MAX + 5; i++) {
        presence_beats(&crew->presence, crew->now_ns, slice_text("w11"), slice_of(NULL, 0),
                       (struct job_key){1, i});
    }
    assert_int_equal(crew->presence.job_count, WORKER_JOBS_MAX);
    (void)list(crew);
    assert_int_equal(crew->presence.job_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_silence),
        TEST(test_jobs),
        TEST(test_ended_jobs_are_forgotten),
        TEST(test_bounds),
    };

    return cmocka_run_group_tests_name("node_presence", tests, NULL, NULL);
}
