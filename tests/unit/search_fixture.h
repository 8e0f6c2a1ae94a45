/* A core whose rows are copied into a view's file, plainly and all at once, and the threads that
 * search it: for tests of queries. How rows really get into the file is tested elsewhere. */
#ifndef TESTS_UNIT_SEARCH_FIXTURE_H
#define TESTS_UNIT_SEARCH_FIXTURE_H

#include "core/job_read.h"
#include "tests/unit/core_fixture.h"
#include "view/pool.h"
#include "view/query.h"

#include <pthread.h>
#include <stdatomic.h>

struct search_fixture {
    struct core_fixture core;
    char dir[32], path[64];
    struct env env; /* Whose monotonic clock is `clock_ns`, plus `step_ns` at each look. */
    atomic_uint_least64_t clock_ns, step_ns;
    struct kv_reader rows;
    struct view_pool *pool;
    pthread_mutex_t lock;
    pthread_cond_t through;
    bool is_through;
    bool is_damaged;
    bool is_done;
    bool same_terms; /* search_fixture_copy posts the terms of all jobs for each. */
    struct err err;  /* Of the last query. */
    struct buf reply;
};

void search_fixture_init(struct search_fixture *fixture);
void search_fixture_done(struct search_fixture *fixture);

/* The next job has the number behind that one. */
void search_fixture_skip(struct search_fixture *fixture, uint64_t job_seq);

/* One operation that succeeds. `format` makes its JSON. */
const void *search_fixture_run(struct search_fixture *fixture, const char *op, const char *format,
                               ...) __attribute__((format(printf, 3, 4)));

/* Puts all rows as they are into a new file. */
void search_fixture_copy(struct search_fixture *fixture);

/* Carries out a search or a look at errors, and leaves its answer in `reply`. The query's code. */
enum err_code search_fixture_search(struct search_fixture *fixture, const char *json);
enum err_code search_fixture_errors(struct search_fixture *fixture, const char *queue,
                                    uint64_t since_ms, uint32_t limit);

#endif
