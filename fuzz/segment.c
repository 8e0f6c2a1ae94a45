/* Fuzz target: opening a damaged log. The input is a script of damage to one of three good logs.
 *
 *   byte 0       which log (2 bits), then: meta knows what is durable, all entries are needed
 *   then steps   a byte: what is done (3 bits) and to which file, and its numbers, each 2 bytes
 *
 * The log is either refused, naming file and offset, or read to a prefix of what was written that
 * has all that is known to be durable; never is an entry another one. What was accepted is the same
 * when it is opened again, by the cursor, and with one more entry behind it.
 *
 * A step may also put the right checksum over damaged bytes: then another log may be found, but
 * nothing worse. */
#include "fuzz/fuzz.h"
#include "replica/segments.h"
#include "tests/unit/mem_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#define CLUSTER UINT64_C(0x1122334455667788)
#define SEGMENT 20480
#define PAYLOAD_MAX 600
#define BATCH_MAX 4
#define STEPS_MAX 64
#define FILES_MAX 4
#define NAME_SIZE 40
#define LOGS 4

enum step { FLIP, WRITE, ZERO, TRUNCATE, LOSE, COPY, SEAL, REPLACE };

/* A good log. */
struct original {
    struct mem_disk *disk;
    uint64_t last_index;
};

/* A damaged copy, and what opening it found. */
struct trial {
    struct mem_disk *disk;
    struct segments *segments;
    struct segments_found found;
    struct segments_options options;
    uint64_t visited;
    bool sealed; /* Damaged bytes have right checksums: entries may be others. */
    struct err err;
};

static uint64_t clock_ns(void *self)
{
    uint64_t *now = self;

    return ++*now;
}

static uint64_t fake_now;
static const struct env fake_env = {.self = &fake_now, .monotonic_ns = clock_ns};

static size_t payload_of(uint64_t index, uint8_t ret_bytes[PAYLOAD_MAX])
{
    size_t size = (size_t)(index * 97 % PAYLOAD_MAX);

    for (size_t i = 0; i < size; i++) {
        ret_bytes[i] = (uint8_t)(index * 131 + i * 7 + 1);
    }
    return size;
}

static uint64_t term_of(uint64_t index)
{
    return 1 + index / 20;
}

static void expect_entry(const struct trial *trial, const struct record *record)
{
    uint8_t bytes[PAYLOAD_MAX];
    size_t size = payload_of(record->index, bytes);

    fuzz_expect(trial->sealed ||
                    (slice_equal(record->payload, slice_of(bytes, size)) &&
                     record->term == term_of(record->index) && record->type == RECORD_COMMAND),
                "entry %llu is another one", (unsigned long long)record->index);
}

static enum err_code visit(void *self, const struct record *record, struct err *err)
{
    struct trial *trial = self;

    (void)err;
    expect_entry(trial, record);
    trial->visited++;
    return ERR_NONE;
}

static enum err_code open_log(struct trial *trial)
{
    trial->options.env = &fake_env;
    trial->options.disk = mem_disk_interface(trial->disk);
    trial->options.durable = true;
    trial->options.cluster_id = CLUSTER;
    trial->options.segment_size = SEGMENT;
    trial->options.first_size = SEGMENT;
    trial->visited = 0;
    trial->segments = NULL;
    trial->err = (struct err){.code = ERR_NONE};
    return segments_open(&trial->options, visit, trial, &trial->segments, &trial->found,
                         &trial->err);
}

/* Writes a batch of the next entries. */
static enum err_code append(struct trial *trial, uint32_t count)
{
    static const char members[] = "members";
    struct log_entry entries[BATCH_MAX] = {0};
    uint8_t bytes[BATCH_MAX][PAYLOAD_MAX];
    uint64_t next = segments_last_index(trial->segments) + 1;
    struct segments_configuration configuration = {.index = next > 1 ? 1 : 0,
                                                   .bytes = slice_text(members)};
    struct segments_write write = {0};
    size_t size = 0;
    enum err_code code;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t term = term_of(next + i);
        uint64_t last_term = segments_last_term(trial->segments);

        entries[i] = (struct log_entry){.next = i + 1 < count ? &entries[i + 1] : NULL,
                                        .index = next + i,
                                        .term = term > last_term ? term : last_term,
                                        .type = RECORD_COMMAND,
                                        .bytes = bytes[i]};
        entries[i].size = payload_of(next + i, bytes[i]);
        size += record_size(entries[i].size);
    }
    code = segments_room(trial->segments, size, false, &trial->err);
    if (code) {
        return code;
    }
    segments_plan(trial->segments, entries, count, configuration, &write);
    segments_write_work(trial->segments, &write);
    trial->err = write.err;
    return write.err.code;
}

static void prepare(struct trial *trial)
{
    struct segments_prepare prepare = {0};

    if (segments_wants_prepare(trial->segments)) {
        segments_prepare_plan(trial->segments, &prepare);
        segments_prepare_work(trial->segments, &prepare);
        segments_prepare_done(trial->segments, &prepare);
    }
}

/* Logs of 6, 40, 80 and 120 entries: one file, one with its successor, two and more. */
static struct original *original_of(uint32_t number)
{
    static struct original originals[LOGS];
    static const uint64_t sizes[LOGS] = {6, 40, 80, 120};
    struct original *original = &originals[number];
    struct trial trial = {.sealed = false};

    if (original->disk) {
        return original;
    }
    trial.disk = mem_disk_create(1);
    fuzz_expect(trial.disk && open_log(&trial) == ERR_NONE, "no empty log: %s", trial.err.text);
    for (uint32_t count = 1; segments_last_index(trial.segments) < sizes[number];
         count = count % BATCH_MAX + 1) {
        fuzz_expect(append(&trial, count) == ERR_NONE, "no batch: %s", trial.err.text);
        prepare(&trial);
    }
    original->last_index = segments_last_index(trial.segments);
    segments_close(trial.segments);
    original->disk = trial.disk;
    return original;
}

static uint16_t take_number(struct slice *input)
{
    uint16_t high = fuzz_take_byte(input);

    return (uint16_t)(high << 8 | fuzz_take_byte(input));
}

static void put_checksum(uint8_t *at, const uint8_t *from, size_t size)
{
    uint64_t sum = XXH3_64bits(from, size);

    for (size_t i = 0; i < 8; i++) {
        at[i] = (uint8_t)(sum >> (8 * i));
    }
}

/* Puts the right checksum over the header, the successor page or the record at the place. */
static void seal(struct trial *trial, uint8_t *bytes, size_t size, size_t at)
{
    trial->sealed = true;
    if (at < SEGMENT_HEADER_SIZE && size >= SEGMENT_HEADER_SIZE) {
        put_checksum(bytes + 8, bytes + 16, SEGMENT_HEADER_SIZE - 16);
    } else if (at < SEGMENT_RECORDS_OFFSET && size >= SEGMENT_RECORDS_OFFSET) {
        uint8_t *page = bytes + SEGMENT_HEADER_SIZE;

        put_checksum(page + 8, page + 16, SEGMENT_SUCCESSOR_SIZE - 16);
    } else if (at + RECORD_HEADER_SIZE <= size) {
        size_t record = record_peek_size(bytes + at);

        if (record > 0 && record <= size - at) {
            put_checksum(bytes + at, bytes + at + 8, record - 8);
        }
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Steps that change bytes in place; they can be written over what mem_disk shows and what it calls
 * durable, because the disk is never crashed here. */
static void change_bytes(struct trial *trial, enum step step, uint8_t *bytes, size_t size,
                         struct slice *script)
{
    size_t at = take_number(script) % (size + 1);
    struct slice piece;
    size_t from;

    switch (step) {
    case FLIP:
        bytes[at == size ? 0 : at] ^= fuzz_take_byte(script);
        return;
    case WRITE:
        piece = fuzz_take(script, fuzz_take_byte(script) % 64);
        if (piece.size > 0 && at < size) {
            memcpy(bytes + at, piece.data, least(piece.size, size - at));
        }
        return;
    case ZERO:
        memset(bytes + at, 0, least(take_number(script), size - at));
        return;
    case COPY:
        from = take_number(script) % (size + 1);
        memmove(bytes + at, bytes + from,
                least(take_number(script), size - (at > from ? at : from)));
        return;
    default:
        seal(trial, bytes, size, at & ~(size_t)7);
    }
}

/* Steps that put one file in the place of another. */
static void replace_file(struct trial *trial, const char *name, uint8_t *bytes, size_t size,
                         uint32_t other)
{
    char other_name[NAME_SIZE];
    const uint8_t *from;
    size_t from_size;

    (void)snprintf(other_name, sizeof(other_name), "segment-%010u", other);
    from = mem_disk_bytes(trial->disk, other_name, &from_size);
    if (from && strcmp(name, other_name) != 0) {
        memcpy(bytes, from, least(size, from_size));
    }
}

static void take_step(struct trial *trial, struct slice *script)
{
    uint8_t byte = fuzz_take_byte(script);
    enum step step = (enum step)(byte % 8);
    char name[NAME_SIZE];
    uint8_t *bytes;
    size_t size;

    (void)snprintf(name, sizeof(name), "segment-%010u", 1 + byte / 8 % FILES_MAX);
    bytes = mem_disk_bytes(trial->disk, name, &size);
    if (!bytes || size == 0) {
        return;
    }
    if (step == TRUNCATE) {
        mem_disk_truncate(trial->disk, name, least(size, take_number(script)));
    } else if (step == LOSE) {
        mem_disk_lose(trial->disk, name);
    } else if (step == REPLACE) {
        replace_file(trial, name, bytes, size, 1 + fuzz_take_byte(script) % FILES_MAX);
    } else {
        change_bytes(trial, step, bytes, size, script);
    }
}

static void read_by_cursor(const struct trial *trial)
{
    uint64_t first = segments_first_index(trial->segments);
    uint64_t last = segments_last_index(trial->segments);
    struct segments_cursor *cursor;
    struct err err;

    if (first > last) {
        return;
    }
    fuzz_expect(!segments_cursor_open(trial->segments, first, &cursor, &err), "no cursor");
    for (uint64_t index = first; index <= last; index++) {
        struct record record;

        fuzz_expect(!segments_cursor_next(cursor, &record, &err) && record.index == index,
                    "entry %llu was there, and is not for the cursor: %s",
                    (unsigned long long)index, err.text);
        expect_entry(trial, &record);
    }
    segments_cursor_close(cursor);
}

/* Closes the log and opens it again, as it was. */
static void open_again(struct trial *trial, uint64_t first_index, uint64_t last_index)
{
    segments_close(trial->segments);
    fuzz_expect(open_log(trial) == ERR_NONE, "a log that was accepted is refused: %s",
                trial->err.text);
    fuzz_expect(trial->found.first_index == first_index && trial->found.last_index == last_index,
                "a log from %llu to %llu became one from %llu to %llu",
                (unsigned long long)first_index, (unsigned long long)last_index,
                (unsigned long long)trial->found.first_index,
                (unsigned long long)trial->found.last_index);
}

static void check_accepted(struct trial *trial, const struct original *original)
{
    uint64_t first = trial->found.first_index;
    uint64_t last = trial->found.last_index;

    fuzz_expect(last + 1 - first == trial->visited, "not each entry was visited once");
    fuzz_expect(trial->sealed || last <= original->last_index, "entries that were never written");
    fuzz_expect(last >= trial->options.durable_index, "entry %llu was durable and is lost",
                (unsigned long long)trial->options.durable_index);
    fuzz_expect(trial->options.needed_index == 0 || first <= trial->options.needed_index,
                "the first entries are missing");
    read_by_cursor(trial);
    open_again(trial, first, last);
    fuzz_expect(trial->found.note[0] == '\0', "mended twice: %s", trial->found.note);
    if (!trial->sealed && append(trial, 1) == ERR_NONE) {
        open_again(trial, first, last + 1);
    }
    segments_close(trial->segments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice script = slice_of(data, size);
    uint8_t what = fuzz_take_byte(&script);
    const struct original *original = original_of(what % LOGS);
    struct trial trial = {.disk = mem_disk_clone(original->disk, 1)};

    fuzz_expect(trial.disk != NULL, "no memory");
    for (uint32_t i = 0; i < STEPS_MAX && script.size > 0; i++) {
        take_step(&trial, &script);
    }
    trial.options.durable_index = what & 4 ? original->last_index : 0;
    trial.options.needed_index = what & 8 ? 1 : 0;
    if (open_log(&trial) == ERR_NONE) {
        check_accepted(&trial, original);
    } else {
        fuzz_expect(trial.err.code == ERR_CORRUPT || trial.err.code == ERR_UNSUPPORTED,
                    "refused as %s: %s", err_code_name(trial.err.code), trial.err.text);
        fuzz_expect(strstr(trial.err.text, "segment-") && strstr(trial.err.text, "offset"),
                    "refused without file or offset: %s", trial.err.text);
    }
    mem_disk_destroy(trial.disk);
    return 0;
}
