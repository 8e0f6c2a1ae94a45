/* The feeder's thread: opens the file, makes a new one, or takes over what changed; one at a time.
 *
 * Whatever fails is told in the status and tried again; what is damaged is made anew. */
#include "view/feeder.h"

#include "base/limits.h"
#include "view/feed.h"
#include "view/file.h"
#include "view/pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define PAUSE_QUIET_NS (100 * NS_PER_MS)
#define PAUSE_BUSY_NS (250 * NS_PER_MS)
#define PAUSE_RETRY_NS NS_PER_SECOND
#define BUILDS_FAILED_MAX 6 /* The pause doubles with each, up to a minute. */
#define PAUSE_DAMAGE_NS                                                                            \
    (10 * NS_PER_SECOND)             /* After a rebuild, before queries ask for another.           \
                                      */
#define BUSY_CHANGES 1000            /* So many in a step are load. */
#define SYNC_NS (30 * NS_PER_SECOND) /* What is only in SQLite's log is synced so often, */
#define SYNC_LOG_SIZE (32 * MIB)     /* and when the log is so large. */
#define LOG_SIZE_MAX (256 * MIB)     /* Then queries are waited for. */

static uint64_t now_ns(const struct view *view)
{
    return view->options.env->monotonic_ns(view->options.env->self);
}

static uint64_t wall_ms(const struct view *view)
{
    return view->options.env->wall_ns(view->options.env->self) / NS_PER_MS;
}

/* --- What is told --------------------------------------------------------------------------------
 */

static void tell(struct view *view, enum view_state state, const struct err *trouble)
{
    uint64_t log_size = 0;
    uint64_t size = view_file_size(view->path, &log_size);

    (void)pthread_mutex_lock(&view->lock);
    view->status.state = state;
    view->status.trouble = trouble ? *trouble : (struct err){0};
    view->status.incomplete = !view->file || !view->file->complete;
    view->status.file_size = size + log_size;
    if (view->file) {
        view->status.index = view->file->mark.index;
        view->status.rows_total = view->rows_before + view->file->rows;
    }
    view->status.passed = view->synced_index;
    (void)pthread_mutex_unlock(&view->lock);
    view->options.wake(view->options.wake_context);
}

static void open_gate(struct view *view)
{
    if (!view->gate_open) {
        view_pool_set(view->pool, VIEW_POOL_OPEN);
        view->gate_open = true;
    }
}

static void shut_gate(struct view *view, enum view_pool_gate gate)
{
    view_pool_set(view->pool, gate);
    view->gate_open = false;
}

static void close_file(struct view *view)
{
    if (view->file) {
        view->rows_before += view->file->rows;
        view_file_close(view->file);
        view->file = NULL;
    }
}

/* Tables that do not fit, a history that is not ours: all of it is mended by making a new file. */
static bool is_damage(enum err_code code)
{
    return code == ERR_CORRUPT || code == ERR_INVALID || code == ERR_NOT_FOUND || code == ERR_STATE;
}

/* The file stays as it is, and readable, unless it is damaged. */
static void note_trouble(struct view *view, const struct err *err)
{
    if (is_damage(err->code)) {
        view->must_build = true;
    }
    if (!view->file || view->must_build) {
        shut_gate(view, VIEW_POOL_ABSENT);
        close_file(view);
    }
    view->next_at_ns = now_ns(view) + (PAUSE_RETRY_NS << view->builds_failed);
    tell(view, VIEW_STOPPED, err);
}

/* --- The file ------------------------------------------------------------------------------------
 */

static enum err_code sync_file(struct view *view, bool wait, struct err *err)
{
    uint64_t index = view->file->mark.index;
    bool all = false;

    if (view_file_checkpoint(view->file, wait, &all, err)) {
        return err->code;
    }
    if (all) {
        view->synced_index = index;
    }
    view->synced_at_ns = now_ns(view);
    return ERR_NONE;
}

static enum err_code sync_when_due(struct view *view, struct err *err)
{
    uint64_t log_size = 0;

    if (view->synced_index == view->file->mark.index) {
        return ERR_NONE;
    }
    (void)view_file_size(view->path, &log_size);
    if (log_size < SYNC_LOG_SIZE && now_ns(view) - view->synced_at_ns < SYNC_NS) {
        return ERR_NONE;
    }
    return sync_file(view, log_size >= LOG_SIZE_MAX, err);
}

/* Opens what there is; sets must_build when it is of no use. */
static void open_file(struct view *view)
{
    struct err err = {0};

    (void)mkdir(view->dir, 0700);
    view_file_remove(view->new_path); /* A rebuild that did not come to its end. */
    if (!view_file_open(view->path, view->options.cluster_id, &view->file, &err) &&
        view->file->mark.index > view->options.applied_index) {
        (void)err_set(&err, ERR_STATE, "the view is further than the log");
    }
    if (!err.code && !sync_file(view, true, &err)) {
        tell(view, VIEW_READY, NULL);
    } else if (is_damage(err.code)) {
        close_file(view);
        view->must_build = true;
    } else {
        close_file(view);
        note_trouble(view, &err);
    }
}

/* --- A new file ----------------------------------------------------------------------------------
 */

static bool may_go_on(void *context)
{
    struct view *view = context;

    if (view->file && !view->file->complete) {
        open_gate(view); /* It is made in its place: queries may see what there is already. */
    }
    return !atomic_load(&view->ending);
}

static void note_rebuild_started(struct view *view)
{
    (void)pthread_mutex_lock(&view->lock);
    view->damaged = false; /* Said of the file before. */
    view->status.rebuild_started_ms = wall_ms(view);
    (void)pthread_mutex_unlock(&view->lock);
    tell(view, VIEW_BUILDING, NULL);
}

/* Answers those who asked before it began. */
static void note_rebuild_ended(struct view *view, uint64_t started_ns, struct view_rebuilds *asked,
                               const struct err *err)
{
    uint64_t duration_ms = (now_ns(view) - started_ns) / NS_PER_MS;
    struct view_rebuild *next;

    view->damage_at_ns = now_ns(view) + PAUSE_DAMAGE_NS;
    (void)pthread_mutex_lock(&view->lock);
    view->status.rebuilds_total += err->code == ERR_NONE;
    view->status.rebuild_duration_ms = duration_ms;
    view->status.rebuild_err = *err;
    for (struct view_rebuild *rebuild = asked->head; rebuild; rebuild = next) {
        next = rebuild->next;
        rebuild->duration_ms = duration_ms;
        rebuild->err = *err;
        view_rebuilds_add(&view->finished, rebuild);
    }
    (void)pthread_mutex_unlock(&view->lock);
    view->options.wake(view->options.wake_context);
}

static struct view_rebuilds take_asked(struct view *view)
{
    struct view_rebuilds asked;

    (void)pthread_mutex_lock(&view->lock);
    asked = view->asked;
    view->asked = (struct view_rebuilds){0};
    (void)pthread_mutex_unlock(&view->lock);
    return asked;
}

/* Fills a new file. What changes meanwhile follows in steps, so its records must stay. */
static enum err_code fill(struct view *view, struct view_file *file, struct err *err)
{
    const struct view_source *source = &view->options.source;
    struct kv_reader *rows = NULL;
    enum err_code code;

    if (source->open(source->self, &rows, err)) {
        return err->code;
    }
    code = view_feed_all(view->feed, file, rows, may_go_on, view, err);
    source->close(source->self, rows);
    return code;
}

static void build_in_place(struct view *view)
{
    struct view_rebuilds asked = take_asked(view);
    uint64_t started_ns = now_ns(view);
    struct err err = {0};

    shut_gate(view, VIEW_POOL_SHUT);
    close_file(view);
    view->synced_index = 0;
    note_rebuild_started(view);
    if (!view_file_create(view->path, view->options.cluster_id, &view->file, &err) &&
        !fill(view, view->file, &err) && !sync_file(view, true, &err)) {
        view->must_build = false;
        view->builds_failed = 0;
        tell(view, VIEW_READY, NULL);
    } else {
        /* It reads all rows each time: what does not help is not done over and over. */
        view->builds_failed += view->builds_failed < BUILDS_FAILED_MAX;
        shut_gate(view, VIEW_POOL_ABSENT);
        close_file(view);
        note_trouble(view, &err);
    }
    note_rebuild_ended(view, started_ns, &asked, &err);
}

/* Nobody has either file open while the new one takes the old one's place. */
static enum err_code swap(struct view *view, struct view_file *owned_file, struct err *err)
{
    bool all = false;

    if (view_file_checkpoint(owned_file, true, &all, err) || !all) {
        view_file_close(owned_file);
        return err->code ? err->code : err_set(err, ERR_BUSY, "the new view is in use");
    }
    view->rows_before += owned_file->rows;
    view_file_close(owned_file);
    shut_gate(view, VIEW_POOL_SHUT);
    close_file(view);
    view_file_remove(view->path);
    if (rename(view->new_path, view->path) != 0) {
        view->must_build = true;
        return err_set(err, ERR_IO, "%s can not be renamed: %s", view->new_path, strerror(errno));
    }
    if (view_file_open(view->path, view->options.cluster_id, &view->file, err)) {
        view->must_build = true;
        return err->code;
    }
    return sync_file(view, true, err);
}

static void build_aside(struct view *view)
{
    struct view_rebuilds asked = take_asked(view);
    uint64_t started_ns = now_ns(view);
    struct view_file *file = NULL;
    struct err err = {0};

    note_rebuild_started(view);
    if (view_file_create(view->new_path, view->options.cluster_id, &file, &err) ||
        fill(view, file, &err)) {
        view_file_close(file);
    } else {
        (void)swap(view, file, &err);
    }
    view_feed_forget(view->feed);
    view_file_remove(view->new_path);
    if (view->must_build) {
        note_trouble(view, &err);
    } else {
        tell(view, VIEW_READY, NULL);
    }
    note_rebuild_ended(view, started_ns, &asked, &err);
}

/* --- Taking over ---------------------------------------------------------------------------------
 */

static void set_pause(struct view *view, uint64_t started_ns, uint32_t count)
{
    view->next_at_ns = started_ns + (count >= BUSY_CHANGES ? PAUSE_BUSY_NS : PAUSE_QUIET_NS);
}

static void step(struct view *view)
{
    const struct view_source *source = &view->options.source;
    uint64_t started_ns = now_ns(view);
    struct kv_reader *rows = NULL;
    uint32_t count = 0;
    bool more = false;
    struct err err = {0};

    if (source->open(source->self, &rows, &err)) {
        note_trouble(view, &err);
        return;
    }
    if (rows->mark.index >= view->file->mark.index) {
        open_gate(view); /* Not before: what a query finds in the file is looked up in rows. */
    }
    if (!view_feed_step(view->feed, view->file, rows, &count, &err)) {
        more = view->file->mark.index < rows->mark.index;
    }
    source->close(source->self, rows);
    if (err.code || sync_when_due(view, &err)) {
        note_trouble(view, &err);
        return;
    }
    set_pause(view, started_ns, count);
    if (more) {
        view->next_at_ns = 0;
    }
    tell(view, VIEW_READY, NULL);
}

/* --- The thread ----------------------------------------------------------------------------------
 */

/* With the lock. When there is nothing to do: until when, 0 = until it is told. */
static bool has_work(struct view *view, uint64_t *ret_until_ns)
{
    uint64_t now = now_ns(view);
    bool first = !view->file && !view->must_build && view->next_at_ns == 0;
    bool step_due = view->file && (view->written > view->file->mark.index || !view->gate_open);
    bool sync_due = view->file && view->synced_index != view->file->mark.index;

    *ret_until_ns = 0;
    if (first || view->asked.head || (view->hurry && step_due)) {
        return true;
    }
    if (view->damaged && view->damage_at_ns <= now) {
        return true;
    }
    if (!view->file || view->status.state == VIEW_STOPPED || step_due) {
        *ret_until_ns = view->next_at_ns;
        return view->next_at_ns <= now;
    }
    if (sync_due) {
        *ret_until_ns = view->synced_at_ns + SYNC_NS;
        return *ret_until_ns <= now;
    }
    return false;
}

static void wait_until(struct view *view, uint64_t until_ns)
{
    uint64_t now = now_ns(view);
    struct timespec at;

    if (until_ns == 0) {
        (void)pthread_cond_wait(&view->wanted, &view->lock);
        return;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    now = until_ns > now ? until_ns - now : 0;
    at.tv_sec += (time_t)(now / NS_PER_SECOND);
    at.tv_nsec += (long)(now % NS_PER_SECOND);
    if (at.tv_nsec >= (long)NS_PER_SECOND) {
        at.tv_nsec -= (long)NS_PER_SECOND;
        at.tv_sec++;
    }
    (void)pthread_cond_timedwait(&view->wanted, &view->lock, &at);
}

static void work(struct view *view, bool damaged, bool asked)
{
    view->must_build = view->must_build || damaged;
    if (view->must_build) {
        build_in_place(view);
    } else if (!view->file) {
        open_file(view);
    } else if (asked) {
        build_aside(view);
    } else {
        step(view);
    }
}

void *view_feeder_main(void *argument)
{
    struct view *view = argument;

    (void)pthread_mutex_lock(&view->lock);
    while (!atomic_load(&view->ending)) {
        uint64_t until_ns;

        if (has_work(view, &until_ns)) {
            bool damaged = view->damaged && view->damage_at_ns <= now_ns(view);
            bool asked = view->asked.head != NULL;

            view->hurry = false;
            (void)pthread_mutex_unlock(&view->lock);
            work(view, damaged, asked);
            (void)pthread_mutex_lock(&view->lock);
        } else {
            wait_until(view, until_ns);
        }
    }
    (void)pthread_mutex_unlock(&view->lock);
    return NULL;
}

void view_rebuilds_add(struct view_rebuilds *list, struct view_rebuild *rebuild)
{
    rebuild->next = NULL;
    if (list->tail) {
        list->tail->next = rebuild;
    } else {
        list->head = rebuild;
    }
    list->tail = rebuild;
    list->count++;
}
