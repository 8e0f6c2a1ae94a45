/* The threads that queries run on.
 *
 * A connection is opened for the first query and kept. Before a file is replaced the pool is shut:
 * queries that run are waited for, those that come wait. */
#ifndef VIEW_POOL_H
#define VIEW_POOL_H

#include "view/view.h"

struct view_pool;

struct view_pool_options {
    const char *path; /* Of the file; borrowed to the end. */
    struct view_source source;
    const struct env *env;
    void (*wake)(void *context);    /* A query is through. Query thread. */
    void (*damaged)(void *context); /* The file can not be read. Query thread. */
    void *context;
};

/* Starts the threads; the pool is shut. ERR_NOMEM. */
enum err_code view_pool_create(const struct view_pool_options *options, struct view_pool **ret_pool,
                               struct err *err) MUST_USE;

/* Has running queries end soon, joins the threads, answers what is left with ERR_CLOSED. Takes
 * NULL. Loop thread. */
void view_pool_destroy(struct view_pool *pool);

/* See view_submit, view_poll. Loop thread. */
enum err_code view_pool_submit(struct view_pool *pool, struct view_query *query,
                               struct err *err) MUST_USE;
void view_pool_poll(struct view_pool *pool);

enum view_pool_gate {
    VIEW_POOL_SHUT,   /* Queries wait. */
    VIEW_POOL_OPEN,   /* They run. */
    VIEW_POOL_ABSENT, /* They are refused with ERR_BUSY: there is no file. */
};

/* Sets the gate. When it is not open, no connection is open any more on return. Feeder thread. */
void view_pool_set(struct view_pool *pool, enum view_pool_gate gate);

#endif
