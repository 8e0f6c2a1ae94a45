/* A core over a real store in a directory, and what a view of it must say. */
#ifndef TESTS_UNIT_VIEW_FIXTURE_H
#define TESTS_UNIT_VIEW_FIXTURE_H

#include "store/store.h"
#include "tests/unit/core_fixture.h"
#include "view/view.h"

#include <stdatomic.h>

struct view_fixture {
    struct core_fixture core;
    struct store *store;
    char dir[64];
    char path[96]; /* Of the view's file. */
    atomic_uint
        fail_at;     /* The n-th call from now of a reader of rows fails with ERR_IO; 0 = none. */
    int64_t readers; /* Open now. */
    struct err err;
};

void view_fixture_init(struct view_fixture *fixture);
void view_fixture_done(struct view_fixture *fixture);

/* One operation in an entry of its own; the id of the job that it made, valid until the next. */
const char *view_fixture_run(struct view_fixture *fixture, const char *op, const char *json);

/* Claims a job of the queue for a worker; copies its lease token. */
void view_fixture_claim(struct view_fixture *fixture, const char *queue, const char *worker,
                        char ret_token[static 65]);

/* Has the store write what is committed; where that is. */
uint64_t view_fixture_write(struct view_fixture *fixture);

/* Rows as readers see them, through the planted failures. */
struct view_source view_fixture_source(struct view_fixture *fixture);

/* Compares the file with all rows that are written: each job and queue, each error, the terms that
 * they must be found by, and nothing else. Fails the test at the first difference. */
void view_fixture_compare(struct view_fixture *fixture);

#endif
