/* From rows to the view's file: see feed.h. */
#include "view/feed.h"

#include "base/limits.h"
#include "core/job_move.h"
#include "view/sql.h"
#include "view/write.h"

#include <stdlib.h>
#include <string.h>

#define JOB_ARENA_MAX (8 * MIB) /* A job's row, its tags and a page of its errors. */
#define BUILD_JOBS 20000        /* Of one transaction while a file is made. */

/* The boundaries of a queue as the file has them: queue rows change with each entry, these rarely.
 */
struct known_queue {
    bool known;
    uint64_t cleared_below, destroyed_below;
};

struct view_feed {
    struct arena arena;
    struct view_change *changes;
    uint32_t count, capacity;
    uint64_t index; /* Of the last change record that was read whole. */
    uint64_t reading;
    bool full; /* More records follow. */
    struct known_queue *queues;
    uint64_t queue_count;
    uint32_t *error_ids;
    uint32_t error_capacity;
};

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory to feed the view");
}

/* --- What changed --------------------------------------------------------------------------------
 */

static bool add_change(struct view_feed *feed, const struct view_change *change)
{
    if (feed->count == feed->capacity) {
        uint32_t capacity = feed->capacity ? feed->capacity * 2 : 1024;
        struct view_change *changes = realloc(feed->changes, capacity * sizeof(*changes));

        if (!changes) {
            return false;
        }
        feed->changes = changes;
        feed->capacity = capacity;
    }
    feed->changes[feed->count++] = *change;
    return true;
}

/* Queues are looked for as changes of a job 0, with the queue's number for a time. */
static bool change_of(uint8_t table, struct slice key, struct view_change *ret_change)
{
    struct job_key job = {0};

    *ret_change = (struct view_change){.table = table};
    if (table == TABLE_QUEUE) {
        return number_key_read(key, &ret_change->time_ns);
    }
    if ((table != TABLE_JOB && table != TABLE_DONE && table != TABLE_ERROR) ||
        !job_key_read(key, &job)) {
        return false;
    }
    ret_change->seq = job.seq;
    ret_change->time_ns = job.time_ns;
    if (table == TABLE_ERROR) {
        struct slice id = slice_from(key, JOB_KEY_SIZE);

        for (size_t i = 0; i < id.size; i++) {
            ret_change->error_id = ret_change->error_id << 8 | id.data[i];
        }
    }
    return true;
}

static enum err_code on_change(void *context, uint64_t index, uint8_t table, struct slice key,
                               struct err *err)
{
    struct view_feed *feed = context;
    struct view_change change;

    if (index != feed->reading) {
        feed->index = feed->reading;
        feed->reading = index;
        if (feed->count >= VIEW_CHANGES_MAX) {
            feed->full = true;
            return err_set(err, ERR_TOO_LARGE, "enough for one step");
        }
    }
    if (change_of(table, key, &change) && !add_change(feed, &change)) {
        return no_memory(err);
    }
    return ERR_NONE;
}

static int compare_changes(const void *left, const void *right)
{
    const struct view_change *a = left;
    const struct view_change *b = right;

    if (a->seq != b->seq) {
        return a->seq < b->seq ? -1 : 1;
    }
    if (a->time_ns != b->time_ns) {
        return a->time_ns < b->time_ns ? -1 : 1;
    }
    if (a->error_id != b->error_id) {
        return a->error_id < b->error_id ? -1 : 1;
    }
    return (a->table > b->table) - (a->table < b->table);
}

/* Of several changes of one row the last in this order is kept: of a job's two tables, DONE. */
static void coalesce(struct view_feed *feed)
{
    uint32_t count = 0;

    if (feed->count > 0) {
        qsort(feed->changes, feed->count, sizeof(*feed->changes), compare_changes);
    }
    for (uint32_t i = 0; i < feed->count; i++) {
        const struct view_change *change = &feed->changes[i];
        struct view_change *last = &feed->changes[count - (count > 0)];

        if (count > 0 && last->seq == change->seq && last->time_ns == change->time_ns &&
            last->error_id == change->error_id) {
            *last = *change;
        } else {
            feed->changes[count++] = *change;
        }
    }
    feed->count = count;
}

static enum err_code collect(struct view_feed *feed, struct kv_reader *rows, uint64_t after,
                             struct err *err)
{
    feed->count = 0;
    feed->full = false;
    feed->index = feed->reading = after;
    if (rows->changes(rows->self, after, on_change, feed, err) && !feed->full) {
        return err->code;
    }
    if (!feed->full) {
        feed->index = rows->mark.index;
    }
    coalesce(feed);
    return ERR_NONE;
}

/* --- One row -------------------------------------------------------------------------------------
 */

static struct job_rows rows_of(struct view_feed *feed, struct kv_reader *rows)
{
    return (struct job_rows){.self = rows->self, .get = rows->get, .arena = &feed->arena};
}

static bool queues_reach(struct view_feed *feed, uint64_t number)
{
    uint64_t count = feed->queue_count ? feed->queue_count : 64;
    struct known_queue *queues;

    while (count <= number) {
        count *= 2;
    }
    if (count == feed->queue_count) {
        return true;
    }
    queues = realloc(feed->queues, count * sizeof(*queues));
    if (!queues) {
        return false;
    }
    memset(queues + feed->queue_count, 0, (count - feed->queue_count) * sizeof(*queues));
    feed->queues = queues;
    feed->queue_count = count;
    return true;
}

static enum err_code feed_queue(struct view_feed *feed, struct view_file *file, uint64_t number,
                                struct slice value, struct err *err)
{
    struct known_queue *known;
    struct queue_row queue;

    if (protobuf_read(&queue_row_message, value, &feed->arena, &queue, err)) {
        return err_set(err, ERR_CORRUPT, "the row of a queue does not decode");
    }
    if (number > UINT32_MAX || !queues_reach(feed, number)) {
        return no_memory(err);
    }
    known = &feed->queues[number];
    if (known->known && known->cleared_below == queue.cleared_below &&
        known->destroyed_below == queue.destroyed_below) {
        return ERR_NONE;
    }
    *known = (struct known_queue){true, queue.cleared_below, queue.destroyed_below};
    return view_write_queue(file, number, &queue, err);
}

static enum err_code find_queue(struct view_feed *feed, struct view_file *file,
                                struct kv_reader *rows, uint64_t number, struct err *err)
{
    struct job_rows job_rows = rows_of(feed, rows);
    struct row_key key = number_row_key(number);
    struct slice value;

    if (job_rows_get(&job_rows, TABLE_QUEUE, &key, &value, err)) {
        return err->code;
    }
    return value.data ? feed_queue(feed, file, number, value, err) : ERR_NONE;
}

/* The row of a job, in the table that was named last or in the other; NULL when there is none. */
static enum err_code find_job(const struct job_rows *rows, const struct view_change *change,
                              struct slice *ret_value, struct err *err)
{
    struct row_key key = job_row_key((struct job_key){change->time_ns, change->seq});
    bool done_first = change->table == TABLE_DONE;
    enum table first = done_first ? TABLE_DONE : TABLE_JOB;
    enum table second = done_first ? TABLE_JOB : TABLE_DONE;

    if (job_rows_get(rows, first, &key, ret_value, err)) {
        return err->code;
    }
    return ret_value->data ? ERR_NONE : job_rows_get(rows, second, &key, ret_value, err);
}

/* The records that changed with a job follow it. */
static enum err_code take_error_ids(struct view_feed *feed, const struct view_change *first,
                                    uint32_t count, uint32_t *ret_count, struct err *err)
{
    uint32_t *ids;
    uint32_t used = 0;

    if (count > feed->error_capacity) {
        ids = realloc(feed->error_ids, count * sizeof(*ids));
        if (!ids) {
            return no_memory(err);
        }
        feed->error_ids = ids;
        feed->error_capacity = count;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (first[i].error_id > 0) {
            feed->error_ids[used++] = first[i].error_id;
        }
    }
    *ret_count = used;
    return ERR_NONE;
}

/* Writes a job with what it has beside its row. */
static enum err_code write_job(const struct job_rows *rows, struct view_file *file,
                               struct view_job *view_job, struct err *err)
{
    const struct job *job = view_job->job;
    struct job_more more;

    view_job->fresh = view_job->fresh || job->key.seq > file->seq_max;
    if (view_job->fresh && job->more_hash) {
        if (job_read_more(rows, job, &more, err)) {
            return err->code;
        }
        view_job->more = &more;
    }
    return view_write_job(file, rows, view_job, err);
}

static enum err_code feed_job(struct view_feed *feed, struct view_file *file,
                              struct kv_reader *rows, const struct view_change *changes,
                              uint32_t count, struct err *err)
{
    struct job_rows job_rows = rows_of(feed, rows);
    struct row_key key = job_row_key((struct job_key){changes->time_ns, changes->seq});
    struct view_job view_job = {0};
    struct slice value;
    struct job job;

    if (find_job(&job_rows, changes, &value, err)) {
        return err->code;
    }
    if (!value.data) {
        return changes->seq > file->seq_max ? ERR_NONE : view_write_gone(file, changes->seq, err);
    }
    if (job_row_read(row_key_slice(&key), value, &feed->arena, &job, err) ||
        take_error_ids(feed, changes, count, &view_job.error_count, err)) {
        return err->code;
    }
    view_job.job = &job;
    view_job.error_ids = feed->error_ids;
    return write_job(&job_rows, file, &view_job, err);
}

/* --- A step --------------------------------------------------------------------------------------
 */

static uint32_t run_of_job(const struct view_feed *feed, uint32_t first)
{
    uint32_t end = first + 1;

    while (end < feed->count && feed->changes[end].seq == feed->changes[first].seq) {
        end++;
    }
    return end - first;
}

static enum err_code write_changes(struct view_feed *feed, struct view_file *file,
                                   struct kv_reader *rows, struct err *err)
{
    for (uint32_t i = 0; i < feed->count;) {
        const struct view_change *change = &feed->changes[i];
        bool is_queue = change->seq == 0;
        uint32_t count = is_queue ? 1 : run_of_job(feed, i);

        if (is_queue ? find_queue(feed, file, rows, change->time_ns, err)
                     : feed_job(feed, file, rows, change, count, err)) {
            return err->code;
        }
        arena_clear(&feed->arena);
        i += count;
    }
    return ERR_NONE;
}

static enum err_code write_step(struct view_feed *feed, struct view_file *file,
                                struct kv_reader *rows, struct err *err)
{
    struct kv_mark mark = rows->mark;
    uint64_t rows_before = file->rows;

    if (feed->full) {
        mark = (struct kv_mark){.index = feed->index};
    }
    if (view_file_begin(file, err) || write_changes(feed, file, rows, err)) {
        return err->code;
    }
    if (file->rows != rows_before && view_write_drop_parts(file, err)) {
        return err->code;
    }
    return view_file_commit(file, &mark, true, err);
}

/* What the file has been told must be what the rows say. */
static enum err_code check_history(const struct view_file *file, const struct kv_reader *rows,
                                   struct err *err)
{
    if (rows->changes_cut > file->mark.index) {
        return err_set(err, ERR_STATE, "changes after entry %llu are not known any more",
                       (unsigned long long)file->mark.index);
    }
    if (rows->mark.index == file->mark.index && file->mark.state_hash &&
        (rows->mark.state_hash != file->mark.state_hash || rows->mark.term != file->mark.term)) {
        return err_set(err, ERR_STATE, "the view was made of other rows");
    }
    return ERR_NONE;
}

enum err_code view_feed_step(struct view_feed *feed, struct view_file *file, struct kv_reader *rows,
                             uint32_t *ret_count, struct err *err)
{
    *ret_count = 0;
    *err = (struct err){0};
    if (check_history(file, rows, err)) {
        return err->code;
    }
    if (rows->mark.index <= file->mark.index) {
        return ERR_NONE; /* After a crash the rows may have to be applied again up to there. */
    }
    if (collect(feed, rows, file->mark.index, err) || write_step(feed, file, rows, err)) {
        view_file_rollback(file);
        view_feed_forget(feed);
        arena_clear(&feed->arena);
        return err->code;
    }
    *ret_count = feed->count;
    return ERR_NONE;
}

/* --- All of them ---------------------------------------------------------------------------------
 */

struct build {
    struct view_feed *feed;
    struct view_file *file;
    struct kv_reader *rows;
    uint32_t jobs; /* In the open transaction. */
    bool (*may_go_on)(void *context);
    void *context;
};

static enum err_code build_queue(void *context, struct slice key, struct slice value,
                                 struct err *err)
{
    struct build *build = context;
    uint64_t number;

    if (!number_key_read(key, &number)) {
        return err_set(err, ERR_CORRUPT, "the key of a queue has %zu bytes", key.size);
    }
    (void)feed_queue(build->feed, build->file, number, value, err);
    arena_clear(&build->feed->arena);
    return err->code;
}

/* Readers may look at what there is already, and SQLite's log must not grow to the size of it all.
 */
static enum err_code end_part(struct build *build, struct err *err)
{
    bool all;

    build->jobs = 0;
    if (!build->may_go_on(build->context)) {
        return err_set(err, ERR_CLOSED, "the view is not built to its end");
    }
    if (view_file_commit(build->file, &build->file->mark, false, err) ||
        view_file_checkpoint(build->file, false, &all, err)) {
        return err->code;
    }
    return view_file_begin(build->file, err);
}

static enum err_code build_job(void *context, struct slice key, struct slice value, struct err *err)
{
    struct build *build = context;
    struct job_rows job_rows = rows_of(build->feed, build->rows);
    uint32_t ids[ERROR_RECORDS_MAX];
    struct view_job view_job = {.error_ids = ids, .fresh = true};
    struct job job;

    if (job_row_read(key, value, &build->feed->arena, &job, err)) {
        return err->code;
    }
    view_job.job = &job;
    for (uint32_t id = job_first_error(&job); id <= job.error_count; id++) {
        ids[view_job.error_count++] = id;
    }
    if (write_job(&job_rows, build->file, &view_job, err)) {
        return err->code;
    }
    arena_clear(&build->feed->arena);
    build->jobs++;
    return build->jobs < BUILD_JOBS ? ERR_NONE : end_part(build, err);
}

static enum err_code build_all(struct build *build, struct err *err)
{
    static const struct {
        enum table table;
        kv_row_fn row;
    } scans[] = {{TABLE_QUEUE, build_queue}, {TABLE_DONE, build_job}, {TABLE_JOB, build_job}};
    struct kv_reader *rows = build->rows;

    if (view_file_begin(build->file, err)) {
        return err->code;
    }
    for (size_t i = 0; i < ARRAY_COUNT(scans); i++) {
        if (rows->scan(rows->self, (uint8_t)scans[i].table, slice_of(NULL, 0), scans[i].row, build,
                       err)) {
            return err->code;
        }
    }
    return view_file_commit(build->file, &rows->mark, true, err);
}

enum err_code view_feed_all(struct view_feed *feed, struct view_file *file, struct kv_reader *rows,
                            bool (*may_go_on)(void *context), void *context, struct err *err)
{
    struct build build = {feed, file, rows, 0, may_go_on, context};

    *err = (struct err){0};
    view_feed_forget(feed);
    if (build_all(&build, err)) {
        view_file_rollback(file);
        view_feed_forget(feed);
        arena_clear(&feed->arena);
    }
    return err->code;
}

void view_feed_forget(struct view_feed *feed)
{
    if (feed->queue_count > 0) {
        memset(feed->queues, 0, feed->queue_count * sizeof(*feed->queues));
    }
}

enum err_code view_feed_create(struct view_feed **ret_feed, struct err *err)
{
    struct view_feed *feed = calloc(1, sizeof(*feed));

    if (!feed) {
        return no_memory(err);
    }
    arena_init(&feed->arena, JOB_ARENA_MAX);
    *ret_feed = feed;
    return ERR_NONE;
}

void view_feed_destroy(struct view_feed *feed)
{
    if (feed) {
        arena_done(&feed->arena);
        free(feed->changes);
        free(feed->queues);
        free(feed->error_ids);
        free(feed);
    }
}
