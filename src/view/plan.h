/* A search as SQL: which rows of the view can match, in the order of the search. What a client sent
 * is always bound, never a part of a statement.
 *
 * Tags, keys and worker ids are in the view as hashes only, so what comes out may match: the job's
 * row decides (view/match.h). */
#ifndef VIEW_PLAN_H
#define VIEW_PLAN_H

#include "view/search.h"

#include <sqlite3.h>

/* Where the rows come from. */
enum plan_drive {
    PLAN_NOTHING,   /* No job matches. */
    PLAN_ALL,       /* Every job of a range. */
    PLAN_LIVE,      /* Those that are not terminal, by state. */
    PLAN_TERMS,     /* Those with some terms. */
    PLAN_ERRORS,    /* Those with a recorded error. */
    PLAN_COMPLETED, /* Those that are completed, by that time. */
};

/* Jobs by their sequence, both ends among them; none when first > last. */
struct plan_range {
    uint64_t first, last;
};

struct plan {
    const struct search *search;
    sqlite3 *db;             /* In a read transaction. */
    enum plan_drive drive;   /* Of a page, */
    enum plan_drive counts;  /* and where only counting is asked for: order costs. */
    uint32_t states;         /* Bits; those that the filters leave. */
    uint64_t queue;          /* Its number; 0 = any. */
    struct plan_range range; /* Of the jobs that may match, */
    struct plan_range page;  /* and of those behind the search's place. */
    struct list parts;       /* uint64_t: the term tables, ascending. */
    struct slice terms;      /* The whole expression; empty = none. */
    struct slice hidden;     /* That of what jobs have no column for; empty = none. */
    bool sorts;              /* A page is sorted, not read in order: then it is read in pieces, */
    uint32_t rows_max;       /* of so many rows, */
    bool has_place;          /* the next one from here on. */
    struct search_place place;
};

/* A condition on `jobs` and `queues`: a clear or destroy takes a job at once, though its row goes
 * later (core's job_is_gone_at). */
extern const char plan_not_gone[];

/* One row that may match. */
struct plan_row {
    uint64_t seq;
    uint64_t created; /* ns. */
    uint64_t value;   /* What is sorted by; 0 = unset. */
    uint32_t state;   /* As the view has it. */
};

/* How a search is carried out on this state of the view. `search` and `arena` must outlive the
 * plan. Errors as sql_fail. Thread of `db`. */
enum err_code plan_make(const struct search *search, sqlite3 *db, struct arena *arena,
                        struct plan *ret_plan, struct err *err) MUST_USE;

enum plan_purpose {
    PLAN_PAGE,  /* In order, from the search's place on. */
    PLAN_COUNT, /* In any order, all of them. */
};

/* How many statements there are for that: they are run one after the other. */
uint32_t plan_statements(const struct plan *plan, enum plan_purpose purpose);

/* The n-th of them, bound. Errors as sql_fail. */
enum err_code plan_prepare(const struct plan *plan, enum plan_purpose purpose, uint32_t n,
                           sqlite3_stmt **ret_statement, struct err *err) MUST_USE;

/* The row that a statement stands at. */
struct plan_row plan_row_of(sqlite3_stmt *statement);

#endif
