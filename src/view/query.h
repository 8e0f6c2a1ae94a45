/* Searches and lists on the view: what the API asks, and the JSON that it gets.
 *
 * A query owns what it works with: who asked may be gone before it ends. It is made on the loop
 * thread, runs on a query thread from view_submit to `done`, and is the loop's again. */
#ifndef VIEW_QUERY_H
#define VIEW_QUERY_H

#include "base/buf.h"
#include "view/search.h"
#include "view/view.h"

/* What an answer says of its making. */
struct page_figures {
    uint64_t duration_ms; /* How long it took. */
    uint64_t lag_ms;      /* Since when something is done that the view does not show. */
};

/* What a list on the view is: a search, groups of errors. */
struct page_query {
    struct view_query query; /* First: it is given out as this. */
    struct arena arena;
    struct buf json; /* The answer. */
    uint64_t view_index;
    bool incomplete; /* The time was over before everything was looked at. */
    void *context;   /* The caller's. */
    /* Ends what `run` wrote of the answer; NULL: it is whole. */
    void (*finish)(struct page_query *query, const struct page_figures *figures);
};

/* Ends the answer, which is then in query->json. That has failed when there is no memory. After
 * `done`. */
void page_query_finish(struct page_query *query, const struct page_figures *figures);

/* Takes NULL. Not between view_submit and `done`. */
void page_query_destroy(struct page_query *query);

/* A search, POST /jobs/search: reads and checks its body, which is copied. ERR_INVALID,
 * ERR_UNSUPPORTED, ERR_TOO_LARGE, ERR_NOMEM; err->reply as json_read. Any thread. */
enum err_code search_query_create(struct slice body, struct page_query **ret_query,
                                  struct err *err) MUST_USE;

struct errors_wish {
    struct slice queue; /* Empty = all. It is copied. */
    uint64_t since_ms;  /* Errors before that do not count. */
    uint32_t limit;     /* Groups shown; above ERROR_GROUPS_SHOWN it is that. */
};

/* The groups of errors, GET /errors. ERR_NOMEM. Any thread. */
enum err_code errors_query_create(const struct errors_wish *wish, struct page_query **ret_query,
                                  struct err *err) MUST_USE;

/* --- What the answers are ------------------------------------------------------------------------
 */

struct search_reply {
    struct list jobs; /* struct job_object: described, but written one by one. */
    uint64_t total;
    bool total_exact;
    struct slice cursor; /* Empty when there is nothing behind the page. */
    bool has_more;
    bool incomplete; /* The time was over before all that may match was looked at. */
    uint64_t view_index;
    uint64_t view_lag_ms;
    uint64_t duration_ms;
};

/* Errors that are one kind of error (A16). */
struct error_group {
    struct slice fingerprint; /* 16 hexadecimal digits. */
    struct slice sample;      /* The newest of them. */
    uint64_t count;
    uint64_t first_seen; /* ns; within the period. */
    uint64_t last_seen;
    struct list queues;  /* struct slice. */
    struct list job_ids; /* struct slice: the last ones. */
};

struct errors_reply {
    struct list groups; /* struct error_group, the most frequent first. */
    bool incomplete;    /* The time was over, or there are too many groups: older errors lack. */
    uint64_t view_index;
};

extern const struct message search_reply_message;
extern const struct message job_summary_message; /* Of struct job_object. */
extern const struct message errors_reply_message;

#endif
