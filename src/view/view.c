/* The view as others see it: see view.h. */
#include "base/limits.h"
#include "view/feed.h"
#include "view/feeder.h"
#include "view/file.h"
#include "view/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_query_done(void *context)
{
    struct view *view = context;

    view->options.wake(view->options.wake_context);
}

static void on_damaged(void *context)
{
    struct view *view = context;

    (void)pthread_mutex_lock(&view->lock);
    view->damaged = true;
    (void)pthread_cond_signal(&view->wanted);
    (void)pthread_mutex_unlock(&view->lock);
}

void view_written(struct view *view, uint64_t index)
{
    (void)pthread_mutex_lock(&view->lock);
    if (index > view->written) {
        view->written = index;
        (void)pthread_cond_signal(&view->wanted);
    }
    (void)pthread_mutex_unlock(&view->lock);
}

void view_hurry(struct view *view)
{
    (void)pthread_mutex_lock(&view->lock);
    view->hurry = true;
    (void)pthread_cond_signal(&view->wanted);
    (void)pthread_mutex_unlock(&view->lock);
}

void view_poll(struct view *view)
{
    struct view_rebuild *finished;
    struct view_rebuild *next;

    view_pool_poll(view->pool);
    (void)pthread_mutex_lock(&view->lock);
    finished = view->finished.head;
    view->finished = (struct view_rebuilds){0};
    (void)pthread_mutex_unlock(&view->lock);
    for (; finished; finished = next) {
        next = finished->next;
        finished->done(finished, &finished->err);
    }
}

struct view_status view_status(struct view *view)
{
    struct view_status status;

    (void)pthread_mutex_lock(&view->lock);
    status = view->status;
    (void)pthread_mutex_unlock(&view->lock);
    return status;
}

const char *view_state_word(enum view_state state)
{
    static const char *const words[] = {
        [VIEW_OPENING] = "opening",
        [VIEW_READY] = "ready",
        [VIEW_BUILDING] = "building",
        [VIEW_STOPPED] = "stopped",
    };

    return words[state];
}

enum err_code view_submit(struct view *view, struct view_query *query, struct err *err)
{
    return view_pool_submit(view->pool, query, err);
}

enum err_code view_rebuild(struct view *view, struct view_rebuild *rebuild, struct err *err)
{
    bool full;

    rebuild->err = (struct err){0};
    (void)pthread_mutex_lock(&view->lock);
    full = view->asked.count >= VIEW_REBUILDS_WAITING_MAX;
    if (!full) {
        view_rebuilds_add(&view->asked, rebuild);
        (void)pthread_cond_signal(&view->wanted);
    }
    (void)pthread_mutex_unlock(&view->lock);
    return full ? err_set(err, ERR_BUSY, "%d rebuilds are asked for already",
                          VIEW_REBUILDS_WAITING_MAX)
                : ERR_NONE;
}

static void refuse_rebuilds(struct view *view)
{
    struct err err;

    (void)err_set(&err, ERR_CLOSED, "the server is shutting down");
    for (struct view_rebuild *rebuild = view->asked.head; rebuild; rebuild = rebuild->next) {
        rebuild->err = err;
    }
    if (view->finished.tail) {
        view->finished.tail->next = view->asked.head;
    } else {
        view->finished.head = view->asked.head;
    }
    view->asked = (struct view_rebuilds){0};
}

static void join(struct view *view)
{
    (void)pthread_mutex_lock(&view->lock);
    atomic_store(&view->ending, true);
    (void)pthread_cond_signal(&view->wanted);
    (void)pthread_mutex_unlock(&view->lock);
    if (view->started) {
        (void)pthread_join(view->thread, NULL);
    }
}

void view_close(struct view *view)
{
    if (!view) {
        return;
    }
    join(view);
    if (view->pool) {
        refuse_rebuilds(view);
        view_poll(view);
    }
    view_pool_destroy(view->pool); /* Before the seal: its connections, too, have the file open. */
    view_file_close_sealed(view->file, view->path);
    view_feed_destroy(view->feed);
    (void)pthread_cond_destroy(&view->wanted);
    (void)pthread_mutex_destroy(&view->lock);
    free(view->dir);
    free(view->path);
    free(view->new_path);
    free(view);
}

static char *path_of(const char *dir, const char *name)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static enum err_code start(struct view *view, struct err *err)
{
    struct view_pool_options options = {
        .path = view->path,
        .source = view->options.source,
        .env = view->options.env,
        .wake = on_query_done,
        .damaged = on_damaged,
        .context = view,
    };

    if (view_feed_create(&view->feed, err) || view_pool_create(&options, &view->pool, err)) {
        return err->code;
    }
    if (pthread_create(&view->thread, NULL, view_feeder_main, view) != 0) {
        return err_set(err, ERR_NOMEM, "the view's thread can not be started");
    }
    view->started = true;
    (void)pthread_setname_np(view->thread, "view");
    return ERR_NONE;
}

/* SQLite's account of its memory would take a lock at each allocation. Before its first use. */
static void configure(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum err_code view_open(const struct view_options *options, struct view **ret_view, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct view *view = calloc(1, sizeof(*view));
    pthread_condattr_t monotonic;

    (void)pthread_once(&once, configure);
    if (!view) {
        return err_set(err, ERR_NOMEM, "no memory for the view");
    }
    view->options = *options;
    view->status.incomplete = true;
    (void)pthread_mutex_init(&view->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&view->wanted, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    view->dir = strdup(options->dir);
    view->path = path_of(options->dir, "view.sqlite");
    view->new_path = path_of(options->dir, "view.sqlite.new");
    if (!view->dir || !view->path || !view->new_path) {
        (void)err_set(err, ERR_NOMEM, "no memory for the view");
    } else if (!start(view, err)) {
        *ret_view = view;
        return ERR_NONE;
    }
    view_close(view);
    return err->code;
}
