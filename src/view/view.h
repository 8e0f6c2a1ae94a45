/* The view: a SQLite file with what lists and searches need of the rows, and queries on it.
 *
 * It is never a source of truth. One thread, the *feeder*, is the only one that writes the file: it
 * reads what changed and the rows' present values through readers of what the store has written,
 * and puts them and the index they lead to into one transaction. Queries run on a few threads of
 * their own, each with a read-only connection. Damage, a foreign file or an older format lead to a
 * new file, made from all rows while the server serves. Nothing here can stop the server.
 *
 * Functions are for the loop thread where nothing else is said. */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include "base/env.h"
#include "core/kv.h"

#include <sqlite3.h>

struct view;

/* Where rows come from; called on the view's threads. */
struct view_source {
    void *self;
    enum err_code (*open)(void *self, struct kv_reader **ret_reader, struct err *err);
    void (*close)(void *self, struct kv_reader *reader);
};

struct view_options {
    const char *dir; /* Created when missing; the file is DIR/view.sqlite. */
    struct view_source source;
    uint64_t cluster_id;         /* Whose rows these are. */
    uint64_t applied_index;      /* Of the node: a file that is further is another history's. */
    const struct env *env;       /* Borrowed to the end. */
    void (*wake)(void *context); /* From any thread: view_poll has something to do. */
    void *wake_context;
};

/* Starts the threads. What is wrong with files is not an error here: see view_status. ERR_NOMEM. */
enum err_code view_open(const struct view_options *options, struct view **ret_view,
                        struct err *err) MUST_USE;

/* Ends the threads; queries that are left are answered with ERR_CLOSED, from here. Before the
 * source goes. Takes NULL. */
void view_close(struct view *view);

/* The source has rows up to here: the feeder looks when its pause is over. Any thread. */
void view_written(struct view *view, uint64_t index);

/* Somebody waits: the feeder does without its pause the next time. Any thread. */
void view_hurry(struct view *view);

/* Calls `done` of queries and rebuilds that are through. */
void view_poll(struct view *view);

enum view_state {
    VIEW_OPENING,  /* The file is looked at; queries wait. */
    VIEW_READY,    /* It follows. */
    VIEW_BUILDING, /* A new file is made; queries see the old one, or `incomplete`. */
    VIEW_STOPPED,  /* It could not go on (`trouble`) and tries again every second. */
};

struct view_status {
    enum view_state state;
    uint64_t index;      /* What queries see is at least as new as this entry. */
    uint64_t passed;     /* Change records up to here are not needed any more. */
    bool incomplete;     /* Jobs may be missing: the only file is still being built. */
    uint64_t rows_total; /* Jobs written and taken out since the start. */
    uint64_t rebuilds_total;
    uint64_t rebuild_started_ms; /* Of the last one, since 1970; 0 = none since the start. */
    uint64_t rebuild_duration_ms;
    struct err rebuild_err; /* How it ended. */
    struct err trouble;     /* Why it does not follow; code ERR_NONE while well. */
    uint64_t file_size;     /* Bytes, with its log. */
};

/* The word of a state: "ready". Any thread. */
const char *view_state_word(enum view_state state);

/* How it is. Any thread. */
struct view_status view_status(struct view *view);

/* Has the file made anew from all rows. `done` is called once, later, on the loop. One at a time:
 * who asks meanwhile is answered by the one that follows. ERR_BUSY: VIEW_REBUILDS_WAITING_MAX ask
 * already. */
struct view_rebuild {
    struct view_rebuild *next;                                         /* The view's. */
    void (*done)(struct view_rebuild *rebuild, const struct err *err); /* The caller's. */
    uint64_t duration_ms;                                              /* Set before `done`. */
    struct err err;
};
enum err_code view_rebuild(struct view *view, struct view_rebuild *rebuild,
                           struct err *err) MUST_USE;

/* --- Queries -------------------------------------------------------------------------------------
 */

/* What a query works with, on its thread, until `run` returns. */
struct view_reader {
    sqlite3 *db;            /* Read-only, in a read transaction: one state of the file. */
    struct kv_reader *rows; /* Rows as new as that state or newer: a job may have moved on. */
    uint64_t index;         /* Where the file's state stands. */
    bool incomplete;        /* As in view_status. */
    struct view_deadline *deadline;
};

/* True when the query's time is over: statements fail with ERR_TIMEOUT from now on. To be asked
 * between rows as well, since what is not SQL is not interrupted. Thread of the query. */
bool view_reader_is_late(const struct view_reader *reader);

/* Has the query's time be over after at most so long from now. Thread of the query. */
void view_reader_hurry(struct view_reader *reader, uint64_t limit_ms);

/* One query. The caller embeds this in a struct of its own, which must live until `done`. */
struct view_query {
    struct view_query *next; /* The view's. */
    /* On a query thread. What it finds it keeps in memory of its own. */
    enum err_code (*run)(struct view_query *query, struct view_reader *reader, struct err *err);
    /* On the loop, once: with the error of `run`, or ERR_CLOSED, ERR_TIMEOUT (it waited for its
     * turn too long), ERR_BUSY (the view has no file to read yet). */
    void (*done)(struct view_query *query, const struct err *err);
    uint64_t limit_ms; /* From view_submit on; 0 = none. */
    bool slow;         /* It may take long: one thread at least is left to those that do not. */
    uint64_t asked_ns; /* The view's, */
    struct err err;    /* like this. */
};

/* Has a query run. It can not be taken back: who has lost interest says so in his own struct.
 * ERR_BUSY: VIEW_QUERIES_MAX wait. */
enum err_code view_submit(struct view *view, struct view_query *query, struct err *err) MUST_USE;

#endif
