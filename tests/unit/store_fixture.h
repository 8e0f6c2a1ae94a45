/* A store in a fresh directory, for the tests of the store room. */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include "base/env.h"
#include "store/store.h"
#include "store/store_internal.h"
#include "tests/unit/kv_suite.h"

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* One table of each class, so that every column family takes part. */
static const struct kv_table fixture_tables[SUITE_TABLES] = {
    {"hot", KV_HOT},
    {"large", KV_LARGE},
    {"history", KV_HISTORY},
    {"more", KV_HOT},
};

struct fixture {
    char dir[64];
    struct store *store;
    struct kv *kv;
    struct arena arena;
    struct store_options options;
    uint64_t now_ns; /* Of the test's own clock. */
    struct err err;
};

static inline int fixture_remove_one(const char *path, const struct stat *stat, int type,
                                     struct FTW *where)
{
    (void)stat;
    (void)type;
    (void)where;
    return remove(path);
}

static inline void fixture_remove(const char *path)
{
    (void)nftw(path, fixture_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void fixture_open(struct fixture *fixture)
{
    fixture->options.dir = fixture->dir;
    fixture->options.tables = fixture_tables;
    fixture->options.table_count = SUITE_TABLES;
    if (store_open(&fixture->options, &fixture->store, &fixture->err)) {
        fail_msg("open: %s", fixture->err.text);
    }
    fixture->kv = store_kv(fixture->store);
}

static inline void fixture_close(struct fixture *fixture, bool flush)
{
    store_close(fixture->store, flush);
    fixture->store = NULL;
}

/* What is left after a power cut: all that was not flushed is gone. */
static inline void fixture_crash(struct fixture *fixture)
{
    fixture_close(fixture, false);
    fixture_open(fixture);
}

static inline int fixture_setup_closed(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    (void)snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/corvo-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    arena_init(&fixture->arena, (size_t)1 << 20);
    fixture->now_ns = 1;
    *state = fixture;
    return 0;
}

static inline int fixture_setup(void **state)
{
    (void)fixture_setup_closed(state);
    fixture_open(*state);
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;

    store_close(fixture->store, false);
    fixture_remove(fixture->dir);
    arena_done(&fixture->arena);
    free(fixture);
    return 0;
}

static inline void fixture_put(struct fixture *fixture, uint8_t table, const char *key,
                               const char *value, uint32_t flags)
{
    assert_int_equal(fixture->kv->put(fixture->kv->self, table, slice_text(key), slice_text(value),
                                      flags, &fixture->err),
                     ERR_NONE);
}

static inline void fixture_delete(struct fixture *fixture, uint8_t table, const char *key)
{
    assert_int_equal(fixture->kv->remove(fixture->kv->self, table, slice_text(key), &fixture->err),
                     ERR_NONE);
}

static inline void fixture_commit(struct fixture *fixture, uint64_t index)
{
    struct kv_mark mark = {.index = index, .term = 3, .state_hash = index * 7};

    assert_int_equal(fixture->kv->commit(fixture->kv->self, &mark, &fixture->err), ERR_NONE);
}

/* value NULL: the key must not be there. */
static inline void fixture_expect(struct fixture *fixture, uint8_t table, const char *key,
                                  const char *value)
{
    struct slice found = slice_of("junk", 4);

    arena_clear(&fixture->arena);
    assert_int_equal(fixture->kv->get(fixture->kv->self, table, slice_text(key), &fixture->arena,
                                      &found, &fixture->err),
                     ERR_NONE);
    if (!value) {
        assert_null(found.data);
        return;
    }
    assert_non_null(found.data);
    assert_true(slice_is(found, value));
}

static inline void fixture_drain(struct fixture *fixture, bool durable)
{
    if (store_drain(fixture->store, durable, &fixture->err)) {
        fail_msg("drain: %s", fixture->err.text);
    }
}

/* One loop turn, a second later: whatever is open is old enough to be frozen. */
static inline enum err_code fixture_turn(struct fixture *fixture, uint64_t unflushed_log_bytes)
{
    enum err_code code;

    code = store_poll(fixture->store, fixture->now_ns, unflushed_log_bytes, &fixture->err);
    fixture->now_ns += NS_PER_SECOND;
    return code ? code
                : store_poll(fixture->store, fixture->now_ns, unflushed_log_bytes, &fixture->err);
}

/* The store thread held at a point of its work until the test lets it go. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    enum store_point point; /* Where to stop. */
    bool armed;
    bool held; /* The thread stands there. */
    uint32_t reached[STORE_POINT_COUNT];
    uint32_t fail_count; /* Then this many calls at the point fail. */
    enum err_code fail_code;
};

static inline enum err_code gate_at(void *context, enum store_point point, struct err *err)
{
    struct gate *gate = context;
    enum err_code code = ERR_NONE;

    pthread_mutex_lock(&gate->mutex);
    gate->reached[point]++;
    if (gate->point == point && gate->armed) {
        gate->held = true;
        pthread_cond_broadcast(&gate->moved);
        while (gate->armed) {
            pthread_cond_wait(&gate->moved, &gate->mutex);
        }
        gate->held = false;
    }
    if (gate->point == point && gate->fail_count) {
        gate->fail_count--;
        code = err_set(err, gate->fail_code, "failed by the test");
    }
    pthread_cond_broadcast(&gate->moved);
    pthread_mutex_unlock(&gate->mutex);
    return code;
}

static inline void gate_init(struct gate *gate, struct fixture *fixture, enum store_point point,
                             bool armed)
{
    struct store_hooks hooks = {.context = gate, .at = gate_at};

    *gate = (struct gate){.point = point, .armed = armed};
    (void)pthread_mutex_init(&gate->mutex, NULL);
    (void)pthread_cond_init(&gate->moved, NULL);
    store_set_hooks(fixture->store, &hooks);
}

static inline void gate_wait_held(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    while (!gate->held) {
        pthread_cond_wait(&gate->moved, &gate->mutex);
    }
    pthread_mutex_unlock(&gate->mutex);
}

/* Waits until the thread passed the point that many times in all. */
static inline void gate_wait_reached(struct gate *gate, enum store_point point, uint32_t count)
{
    pthread_mutex_lock(&gate->mutex);
    while (gate->reached[point] < count) {
        pthread_cond_wait(&gate->moved, &gate->mutex);
    }
    pthread_mutex_unlock(&gate->mutex);
}

static inline void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->armed = false;
    pthread_cond_broadcast(&gate->moved);
    pthread_mutex_unlock(&gate->mutex);
}

static inline void gate_done(struct gate *gate)
{
    (void)pthread_mutex_destroy(&gate->mutex);
    (void)pthread_cond_destroy(&gate->moved);
}

#endif
