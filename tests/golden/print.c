/* What an entry changed, for the right side of a transcript: see golden.h. */
#include "core/event.h"
#include "core/rows.h"
#include "core/tables.h"
#include "tests/golden/golden.h"

static struct slice read_row(struct golden *golden, uint8_t table, struct slice key)
{
    struct slice value = {0};
    struct kv *kv = golden->record.below;
    struct err err;
    enum err_code code = kv->get(kv->self, table, key, &golden->arena, &value, &err);

    assert(code == ERR_NONE);
    return value;
}

static struct slice queue_name(struct golden *golden, uint64_t number)
{
    struct row_key key = number_row_key(number);
    struct slice value = read_row(golden, TABLE_QUEUE, row_key_slice(&key));
    struct queue_row row;
    struct err err;

    if (!value.data ||
        protobuf_read(&queue_row_message, value, &golden->arena, &row, &err) != ERR_NONE) {
        return slice_text("?");
    }
    return row.name;
}

static void print_job_key(struct golden *golden, struct slice key)
{
    struct job_key job;

    if (job_key_read(key, &job)) {
        (void)buf_printf(&golden->out, "$%llu", (unsigned long long)job.seq);
    }
}

static void print_state(struct golden *golden, const struct change *change)
{
    struct slice key = row_key_slice(&change->key);
    struct slice value = read_row(golden, change->table, key);
    struct job job;
    struct err err;

    if (value.data && job_row_read(key, value, &golden->arena, &job, &err) == ERR_NONE) {
        (void)buf_printf(&golden->out, " %s", job_state_name((enum job_state)job.state));
    }
}

/* A record's key is text here; its age has a number. */
static void print_kept_key(struct golden *golden, struct slice key)
{
    uint64_t number;

    if (key.data[0] == 0) {
        (void)buf_add_slice(&golden->out, slice_from(key, 1));
    } else if (number_key_read(slice_from(key, 1), &number)) {
        (void)buf_printf(&golden->out, "%llu", (unsigned long long)number);
    }
}

/* The queue and, while there is a lock, who has it. */
static void print_lock(struct golden *golden, const struct change *change)
{
    struct slice key = row_key_slice(&change->key);
    struct slice value = read_row(golden, TABLE_LOCK, key);
    struct lock_row lock;
    uint64_t number;
    struct err err;

    if (number_key_read(slice_of(key.data, 8), &number)) {
        (void)buf_add_slice(&golden->out, queue_name(golden, number));
    }
    if (value.data &&
        protobuf_read(&lock_row_message, value, &golden->arena, &lock, &err) == ERR_NONE) {
        (void)buf_add_byte(&golden->out, ' ');
        print_job_key(golden, lock.job);
    }
}

static void print_row(struct golden *golden, const struct change *change)
{
    uint32_t table_count;
    const char *table = core_tables(&table_count)[change->table].name;
    struct slice key = row_key_slice(&change->key);
    uint64_t number;
    uint64_t at_ns;

    (void)buf_printf(&golden->out, " %c %s/",
                     !change->existed ? '+'
                     : change->exists ? '~'
                                      : '-',
                     table);
    if (change->table == TABLE_QUEUE && number_key_read(key, &number)) {
        (void)buf_add_slice(&golden->out, queue_name(golden, number));
        return;
    }
    if (change->table == TABLE_KEPT) {
        print_kept_key(golden, key);
        return;
    }
    if (change->table == TABLE_WINDOW && pair_key_read(key, &number, &at_ns)) {
        (void)buf_add_slice(&golden->out, queue_name(golden, number));
        return;
    }
    if (change->table == TABLE_LOCK) {
        print_lock(golden, change);
        return;
    }
    if (change->table == TABLE_PURGE) {
        print_job_key(golden, slice_from(key, 8));
        return;
    }
    print_job_key(golden, key);
    if (change->table == TABLE_ERROR) {
        (void)buf_printf(&golden->out, "/%u", change->key.bytes[JOB_KEY_SIZE + 3]);
    }
    if (change->exists && (change->table == TABLE_JOB || change->table == TABLE_DONE)) {
        print_state(golden, change);
    }
}

static void print_events(struct golden *golden, const struct change *change)
{
    struct slice value = read_row(golden, TABLE_EVENT, row_key_slice(&change->key));
    struct event_pack pack;
    struct err err;

    if (!value.data) {
        (void)buf_add_text(&golden->out, " - event");
        return;
    }
    if (protobuf_read(&event_pack_message, value, &golden->arena, &pack, &err) != ERR_NONE) {
        (void)buf_add_text(&golden->out, " ! ?");
        return;
    }
    for (uint32_t i = 0; i < pack.events.count; i++) {
        const struct event *event = &((const struct event *)pack.events.items)[i];

        (void)buf_printf(&golden->out, " ! %s ", event_type_words.names[event->type]);
        if (event->job.size) {
            print_job_key(golden, event->job);
            (void)buf_printf(&golden->out, "#%u", event->job_seq);
        } else {
            (void)buf_add_slice(&golden->out, queue_name(golden, event->queue));
        }
    }
}

void golden_print_changes(struct golden *golden, const struct core_applied *applied)
{
    const struct changes *changes = &golden->record.entry;

    (void)buf_add_text(&golden->out, "    |");
    for (uint32_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->items[i];

        if (change->table == TABLE_META || (!change->existed && !change->exists)) {
            continue;
        }
        if (change->table == TABLE_EVENT) {
            print_events(golden, change);
        } else {
            print_row(golden, change);
        }
    }
    for (uint32_t i = 0; i < applied->woken_count; i++) {
        (void)buf_add_text(&golden->out, " ^ ");
        (void)buf_add_slice(&golden->out, applied->woken[i].queue);
    }
    (void)buf_add_byte(&golden->out, '\n');
}
