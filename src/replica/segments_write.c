/* The log side of the log store: carries out plans, inside replica jobs, one at a time and in
 * order. */
#include "replica/segments_internal.h"

#include <stdlib.h>

/* A first write to a preallocated block makes the file system journal that the block is in use now,
 * which costs a sync half of its time again. So a small batch that reaches new blocks takes zeros
 * along up to the next such bound. */
#define ZERO_AHEAD (128 * KIB)
#define ZERO_AHEAD_BATCH_MAX (16 * KIB)
#define KEPT_BUFFER_MAX (256 * KIB)

static uint64_t worker_file_size(const struct segments *segments, uint64_t sequence)
{
    return sequence == 1 ? segments->options.first_size : segments->options.segment_size;
}

/* Creates the file; one of this name is what an attempt left that failed half-way. */
static enum err_code create_file(struct segments *segments, const char *name, uint64_t size,
                                 int *ret_file, struct err *err)
{
    struct disk *disk = segments->options.disk;
    enum err_code code = disk->open(disk->self, name, true, size, ret_file, err);

    if (code == ERR_STATE) {
        code = disk->remove(disk->self, name, err);
        if (code == ERR_NONE) {
            code = disk->sync_dir(disk->self, err);
        }
        if (code == ERR_NONE) {
            code = disk->open(disk->self, name, true, size, ret_file, err);
        }
    }
    return code;
}

static enum err_code sync_newest(struct segments *segments, struct err *err)
{
    struct disk *disk = segments->options.disk;
    enum err_code code = disk->sync(disk->self, segments->worker.file, err);

    if (code == ERR_NO_SPACE && !segments->options.durable) {
        /* Batches that were never synced went with it, and they can not be written again. */
        return err_set(err, ERR_IO, "no space to sync what was written before");
    }
    return code;
}

static enum err_code make_spare(struct segments *segments, uint64_t sequence, struct err *err)
{
    struct disk *disk = segments->options.disk;
    char name[SEGMENT_NAME_SIZE];
    enum err_code code;
    int file = -1;

    segments_name(sequence, name);
    code = create_file(segments, name, worker_file_size(segments, sequence), &file, err);
    if (code == ERR_NONE) {
        code = disk->sync(disk->self, file, err);
    }
    if (code == ERR_NONE) {
        code = disk->sync_dir(disk->self, err);
    }
    if (code == ERR_NONE) {
        segments->worker.spare_file = file;
        return ERR_NONE;
    }
    if (file >= 0) {
        struct err ignored;

        disk->close(disk->self, file);
        (void)disk->remove(disk->self, name, &ignored);
    }
    return err_prefix(err, "%s", name);
}

/* Says durably in the newest segment that the spare is there: should it go, that will be noticed.
 *
 * It comes before the spare's first batch, so that nothing acknowledged can be in a file that no
 * other names. */
static enum err_code announce_spare(struct segments *segments, struct err *err)
{
    struct segments_worker *worker = &segments->worker;
    struct disk *disk = segments->options.disk;
    struct segment_successor successor = {
        .cluster_id = segments->options.cluster_id,
        .sequence = worker->sequence + 1,
        .file_size = worker_file_size(segments, worker->sequence + 1),
    };
    uint8_t bytes[SEGMENT_SUCCESSOR_SIZE];
    enum err_code code;

    if (worker->file < 0 || worker->announced) {
        return ERR_NONE;
    }
    segment_successor_encode(&successor, bytes);
    code = disk->write(disk->self, worker->file, SEGMENT_HEADER_SIZE, bytes, sizeof bytes, err);
    if (code == ERR_NONE) {
        code = sync_newest(segments, err);
    }
    if (code != ERR_NONE) {
        return code;
    }
    worker->announced = true;
    return ERR_NONE;
}

static enum err_code ready_spare(struct segments *segments, uint64_t sequence, struct err *err)
{
    enum err_code code = ERR_NONE;

    if (segments->worker.spare_file < 0) {
        code = make_spare(segments, sequence, err);
    }
    return code ? code : announce_spare(segments, err);
}

void segments_prepare_work(struct segments *segments, struct segments_prepare *prepare)
{
    struct segments_worker *worker = &segments->worker;

    /* No file may follow one whose header is not durable. */
    if (worker->stopped.code != ERR_NONE) {
        prepare->err = worker->stopped;
        return;
    }
    /* A write came first and has already begun it. */
    if (worker->sequence >= prepare->sequence) {
        return;
    }
    assert(worker->sequence + 1 == prepare->sequence);
    if (ready_spare(segments, prepare->sequence, &prepare->err) != ERR_NONE &&
        prepare->err.code != ERR_NO_SPACE) {
        worker->stopped = prepare->err; /* The newest segment's sync may be what failed. */
    }
}

static enum err_code timed_sync(struct segments *segments, struct segments_write *write,
                                struct err *err)
{
    const struct env *env = segments->options.env;
    uint64_t start_ns = env->monotonic_ns(env->self);
    enum err_code code = sync_newest(segments, err);

    write->sync_ns = env->monotonic_ns(env->self) - start_ns;
    write->syncs++;
    return code;
}

/* Leaves the full segment for the next one. */
static enum err_code roll(struct segments *segments, struct segments_write *write, struct err *err)
{
    struct segments_worker *worker = &segments->worker;
    struct disk *disk = segments->options.disk;
    enum err_code code;

    if (worker->sequence == write->sequence) {
        return ERR_NONE; /* A second try. */
    }
    assert(worker->sequence + 1 == write->sequence);
    if (!segments->options.durable && worker->file >= 0) {
        /* Only the last segment may be torn, also in a log that is not durable. */
        code = timed_sync(segments, write, err);
        if (code != ERR_NONE) {
            return code;
        }
        worker->durable_index = write->first->index - 1;
    }
    code = ready_spare(segments, write->sequence, err);
    if (code != ERR_NONE) {
        return code;
    }
    if (worker->file >= 0) {
        disk->close(disk->self, worker->file);
    }
    worker->file = worker->spare_file;
    worker->spare_file = -1;
    worker->announced = false;
    worker->sequence = write->sequence;
    worker->file_size = worker_file_size(segments, write->sequence);
    worker->written = 0;
    return ERR_NONE;
}

static enum err_code grow_buffer(struct segments_worker *worker, size_t size, struct err *err)
{
    uint8_t *bytes;

    if (worker->capacity >= size) {
        return ERR_NONE;
    }
    bytes = realloc(worker->bytes, size);
    if (!bytes) {
        return err_set(err, ERR_NOMEM, "no %zu bytes to write the log", size);
    }
    worker->bytes = bytes;
    worker->capacity = size;
    return ERR_NONE;
}

/* How many bytes the write gets: with zeros up to the next bound when it reaches new blocks. */
static size_t padded_size(const struct segments_worker *worker, uint64_t offset, size_t size)
{
    uint64_t end = offset + size;
    uint64_t bound = (end + ZERO_AHEAD - 1) / ZERO_AHEAD * ZERO_AHEAD;

    if (end <= worker->written || size > ZERO_AHEAD_BATCH_MAX) {
        return size;
    }
    if (bound > worker->file_size) {
        bound = worker->file_size;
    }
    return (size_t)(bound - offset);
}

static void encode_header(const struct segments *segments, const struct segments_write *write,
                          uint8_t *ret_bytes)
{
    struct segment_header header = {
        .cluster_id = segments->options.cluster_id,
        .sequence = write->sequence,
        .first_index = write->first->index,
        .previous_term = write->previous_term,
        .file_size = segments->worker.file_size,
        .configuration_index = write->configuration_index,
        .configuration = slice_of(write->configuration, write->configuration_size),
    };

    segment_header_encode(&header, ret_bytes);
}

/* Builds the whole batch, so that it is one write; *ret_end is where its records end in the buffer.
 */
static enum err_code encode_batch(struct segments *segments, const struct segments_write *write,
                                  size_t *ret_size, struct err *err)
{
    struct segments_worker *worker = &segments->worker;
    const struct log_entry *entry = write->first;
    size_t at = write->roll ? SEGMENT_RECORDS_OFFSET : 0;
    size_t size = at;
    enum err_code code;

    for (uint32_t i = 0; i < write->count; i++, entry = i < write->count ? entry->next : entry) {
        size += record_size(entry->size);
    }
    *ret_size = padded_size(worker, write->offset, size);
    code = grow_buffer(worker, *ret_size, err);
    if (code != ERR_NONE) {
        return code;
    }
    if (write->roll) {
        encode_header(segments, write, worker->bytes);
        memset(worker->bytes + SEGMENT_HEADER_SIZE, 0, SEGMENT_SUCCESSOR_SIZE);
    }
    entry = write->first;
    for (uint32_t i = 0; i < write->count; i++, entry = i < write->count ? entry->next : entry) {
        struct record record = {
            .type = entry->type,
            .index = entry->index,
            .term = entry->term,
            .cluster_id = segments->options.cluster_id,
            .durable_index = worker->durable_index,
            .payload = slice_of(entry->bytes, entry->size),
        };

        record_encode(&record, worker->bytes + at);
        at += record_size(entry->size);
    }
    memset(worker->bytes + at, 0, *ret_size - at);
    return ERR_NONE;
}

static enum err_code write_batch(struct segments *segments, struct segments_write *write,
                                 struct err *err)
{
    struct segments_worker *worker = &segments->worker;
    struct disk *disk = segments->options.disk;
    enum err_code code = ERR_NONE;
    size_t size;

    if (write->roll) {
        code = roll(segments, write, err);
    }
    if (code == ERR_NONE) {
        code = encode_batch(segments, write, &size, err);
    }
    if (code == ERR_NONE) {
        assert(worker->sequence == write->sequence);
        assert(write->offset + size <= worker->file_size);
        code = disk->write(disk->self, worker->file, write->offset, worker->bytes, size, err);
    }
    if (code != ERR_NONE) {
        return code;
    }
    if (worker->written < write->offset + size) {
        worker->written = write->offset + size;
    }
    /* The first batch of a segment is synced in any case: a segment with a successor has a header.
     */
    if (segments->options.durable || write->roll) {
        code = timed_sync(segments, write, err);
        if (code != ERR_NONE) {
            return code;
        }
        worker->durable_index = write->last_index;
    }
    return ERR_NONE;
}

void segments_write_work(struct segments *segments, struct segments_write *write)
{
    struct segments_worker *worker = &segments->worker;
    char name[SEGMENT_NAME_SIZE];

    write->err = (struct err){0};
    if (write->resume && worker->stopped.code == ERR_NO_SPACE) {
        worker->stopped = (struct err){0};
    }
    if (worker->stopped.code != ERR_NONE) {
        write->err = worker->stopped;
        return;
    }
    if (write_batch(segments, write, &write->err) != ERR_NONE) {
        segments_name(write->sequence, name);
        (void)err_prefix(&write->err, "%s", name);
        worker->stopped = write->err;
    }
    if (worker->capacity > KEPT_BUFFER_MAX) {
        free(worker->bytes);
        worker->bytes = NULL;
        worker->capacity = 0;
    }
}

void segments_cut_work(struct segments *segments, struct segments_cut *cut)
{
    struct disk *disk = segments->options.disk;
    char name[SEGMENT_NAME_SIZE];

    cut->err = (struct err){0};
    cut->removed = 0;
    while (cut->removed < cut->count) {
        enum err_code code;

        segments_name(cut->sequence + cut->removed, name);
        code = disk->remove(disk->self, name, &cut->err);
        if (code == ERR_NONE || code == ERR_NOT_FOUND) {
            code = disk->sync_dir(disk->self, &cut->err);
        }
        if (code != ERR_NONE) {
            (void)err_prefix(&cut->err, "%s", name);
            return;
        }
        /* Also when the name was gone already: an earlier attempt failed after removing it. */
        cut->err = (struct err){0};
        cut->removed++;
    }
}

enum err_code segments_sync(struct segments *segments, struct err *err)
{
    struct disk *disk = segments->options.disk;

    if (segments->worker.file < 0) {
        return ERR_NONE;
    }
    return disk->sync(disk->self, segments->worker.file, err);
}
