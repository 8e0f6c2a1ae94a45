/* Rows to indexes: the one scan at start and after an install, and the same aside for core_check.
 */
#include "core/core_state.h"

/* Enough for any row: nothing that is loaded here has lists. */
#define LOAD_ARENA_MAX (1 * MIB)

struct load {
    struct index *index;
    struct arena arena;
};

static enum err_code load_queue(void *context, struct slice key, struct slice value,
                                struct err *err)
{
    struct load *load = context;
    struct queue_row row;
    struct queue *queue;
    struct slice name;
    uint64_t number;

    arena_clear(&load->arena);
    if (protobuf_read(&queue_row_message, value, &load->arena, &row, err) != ERR_NONE ||
        !number_key_read(key, &number) || row.name.size == 0) {
        return err_set(err, ERR_CORRUPT, "the row of a queue does not decode");
    }
    if (number != load->index->queue_count + 1 || index_queue_find(load->index, row.name)) {
        return err_set(err, ERR_CORRUPT, "queue %llu is out of order or there twice",
                       (unsigned long long)number);
    }
    queue = index_queue_add(load->index, row.name);
    if (!queue) {
        return err_set(err, ERR_NOMEM, "no memory for the index of queues");
    }
    name = queue->row.name;
    queue->row = row;
    queue->row.name = name;
    queue->stored_hash = row_hash(TABLE_QUEUE, key, value);
    return ERR_NONE;
}

static enum err_code load_job(void *context, struct slice key, struct slice value, struct err *err)
{
    struct load *load = context;
    struct index_job indexed;
    struct job job;

    arena_clear(&load->arena);
    if (job_row_read(key, value, &load->arena, &job, err) != ERR_NONE) {
        return err->code;
    }
    if (job_state_is_terminal((enum job_state)job.state) || job.queue == 0 ||
        job.queue > load->index->queue_count || index_find(load->index, job.key)) {
        return err_set(err, ERR_CORRUPT, "a live job has state %u and queue %u", job.state,
                       job.queue);
    }
    indexed = index_job_of(&job);
    if (!index_load(load->index, &indexed)) {
        return err_set(err, ERR_NOMEM, "no memory for the index of jobs");
    }
    return ERR_NONE;
}

static enum err_code load_window(void *context, struct slice key, struct slice value,
                                 struct err *err)
{
    struct load *load = context;
    struct window_row row;
    struct queue *queue;
    uint64_t number;
    uint64_t at_ns;

    arena_clear(&load->arena);
    if (!pair_key_read(key, &number, &at_ns) || number == 0 || number > load->index->queue_count ||
        protobuf_read(&window_row_message, value, &load->arena, &row, err) != ERR_NONE ||
        row.count == 0) {
        return err_set(err, ERR_CORRUPT, "a row of a queue's claims does not decode");
    }
    queue = index_queue(load->index, (uint32_t)number);
    if (!window_add(&queue->window, at_ns, row.count)) {
        return err_set(err, ERR_NOMEM, "no memory for the claims of queues");
    }
    index_touch(load->index, queue);
    return ERR_NONE;
}

static enum err_code load_meta(struct kv *kv, struct arena *arena, struct meta_row *ret_meta,
                               uint64_t *ret_meta_hash, struct err *err)
{
    struct row_key key = meta_row_key();
    struct slice value;

    if (kv->get(kv->self, TABLE_META, row_key_slice(&key), arena, &value, err) != ERR_NONE) {
        return err->code;
    }
    if (!value.data) {
        *ret_meta = (struct meta_row){
            .format = STORED_FORMAT,
            .event_oldest = 1,
            .retention_ms = RETENTION_MS_DEFAULT,
            .events_max = EVENTS_MAX_DEFAULT,
        };
        *ret_meta_hash = 0;
        return ERR_NONE;
    }
    if (protobuf_read(&meta_row_message, value, arena, ret_meta, err) != ERR_NONE ||
        ret_meta->format != STORED_FORMAT) {
        return err_set(err, ERR_CORRUPT, "the meta row does not decode or is of another version");
    }
    *ret_meta_hash = row_hash(TABLE_META, row_key_slice(&key), value);
    return ERR_NONE;
}

enum err_code core_load(struct kv *kv, struct index *index, struct meta_row *ret_meta,
                        uint64_t *ret_meta_hash, struct err *err)
{
    struct load load = {.index = index};
    struct slice all = slice_of(NULL, 0);

    arena_init(&load.arena, LOAD_ARENA_MAX);
    err->code = ERR_NONE;
    if (load_meta(kv, &load.arena, ret_meta, ret_meta_hash, err) != ERR_NONE ||
        kv->scan(kv->self, TABLE_QUEUE, all, load_queue, &load, err) != ERR_NONE ||
        kv->scan(kv->self, TABLE_WINDOW, all, load_window, &load, err) != ERR_NONE ||
        kv->scan(kv->self, TABLE_JOB, all, load_job, &load, err) != ERR_NONE) {
        goto out;
    }
    if (index->queue_count != ret_meta->queue_count) {
        (void)err_set(err, ERR_CORRUPT, "%u queues are stored, not %llu", index->queue_count,
                      (unsigned long long)ret_meta->queue_count);
    } else if (!index_load_end(index)) {
        (void)err_set(err, ERR_NOMEM, "no memory for the index of ready jobs");
    }
    index->now_ns = ret_meta->now_ns;
    for (struct queue *queue = index->touched; queue; queue = queue->touched_next) {
        index_limit_changed(index, queue);
        queue->touched = false;
        if (!index_queue_refresh(index, queue)) {
            (void)err_set(err, ERR_NOMEM, "no memory for the index of queues that are due");
        }
    }
    index->touched = NULL;
out:
    arena_done(&load.arena);
    return err->code;
}
