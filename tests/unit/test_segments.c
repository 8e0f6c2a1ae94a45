/* The log store on a disk that fails: recovery, damage, segments that come and go. */
#include "replica/segments.h"
#include "tests/unit/mem_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define CLUSTER UINT64_C(0x1122334455667788)
#define SEGMENT 20480

/* A log under test and what should be in it: entry i has payload_of(i). */
struct log {
    struct mem_disk *disk;
    struct segments *segments;
    struct segments_found found;
    struct segments_options options;
    uint64_t visited; /* Entries seen while opening. */
    uint64_t first_visited;
    struct err err;
};

static uint64_t clock_ns(void *self)
{
    uint64_t *now = self;

    return ++*now;
}

static uint64_t fake_now;
static const struct env fake_env = {.self = &fake_now, .monotonic_ns = clock_ns};

/* Bytes that depend on the index alone. */
static size_t payload_of(uint64_t index, uint8_t *ret_bytes)
{
    size_t size = (size_t)(index * 37 % 300) + 1;

    for (size_t i = 0; i < size; i++) {
        ret_bytes[i] = (uint8_t)(index * 131 + i * 7 + 1);
    }
    return size;
}

static enum err_code visit(void *self, const struct record *record, struct err *err)
{
    struct log *log = self;
    uint8_t bytes[512];
    size_t size = payload_of(record->index, bytes);

    (void)err;
    if (log->visited == 0) {
        log->first_visited = record->index;
    }
    assert_int_equal(record->index, log->first_visited + log->visited);
    assert_true(slice_equal(record->payload, slice_of(bytes, size)));
    log->visited++;
    return ERR_NONE;
}

static enum err_code log_open(struct log *log)
{
    log->options.env = &fake_env;
    log->options.disk = mem_disk_interface(log->disk);
    log->options.cluster_id = CLUSTER;
    if (log->options.segment_size == 0) {
        log->options.segment_size = SEGMENT;
        log->options.first_size = SEGMENT;
        log->options.durable = true;
    }
    log->visited = 0;
    log->first_visited = 0;
    log->segments = NULL;
    log->err = (struct err){0};
    return segments_open(&log->options, visit, log, &log->segments, &log->found, &log->err);
}

static void log_close(struct log *log)
{
    segments_close(log->segments);
    log->segments = NULL;
}

static void log_create(struct log *log)
{
    *log = (struct log){.disk = mem_disk_create(1)};
    assert_non_null(log->disk);
    assert_int_equal(log_open(log), ERR_NONE);
    assert_true(log->found.empty);
}

static void log_destroy(struct log *log)
{
    log_close(log);
    mem_disk_destroy(log->disk);
}

/* Appends a batch of the next `count` entries and returns the outcome of its write. */
static enum err_code append(struct log *log, uint32_t count, bool resume)
{
    struct log_entry entries[64] = {0};
    uint8_t bytes[64][512];
    uint64_t next = segments_last_index(log->segments) + 1;
    struct segments_configuration configuration = {.index = next > 1 ? 1 : 0,
                                                   .bytes = slice_text("members")};
    struct segments_write write = {0};
    size_t size = 0;
    enum err_code code;

    assert_true(count <= 64);
    for (uint32_t i = 0; i < count; i++) {
        entries[i] = (struct log_entry){.next = i + 1 < count ? &entries[i + 1] : NULL,
                                        .index = next + i,
                                        .term = 1 + (next + i) / 50,
                                        .type = RECORD_COMMAND,
                                        .bytes = bytes[i]};
        entries[i].size = payload_of(next + i, bytes[i]);
        size += record_size(entries[i].size);
    }
    code = segments_room(log->segments, size, false, &log->err);
    if (code != ERR_NONE) {
        return code;
    }
    segments_plan(log->segments, entries, count, configuration, &write);
    write.resume = resume;
    segments_write_work(log->segments, &write);
    log->err = write.err;
    return write.err.code;
}

static void append_batches(struct log *log, uint32_t batches, uint32_t count)
{
    for (uint32_t i = 0; i < batches; i++) {
        assert_int_equal(append(log, count, false), ERR_NONE);
    }
}

static enum err_code prepare(struct log *log)
{
    struct segments_prepare plan;

    assert_true(segments_wants_prepare(log->segments));
    segments_prepare_plan(log->segments, &plan);
    segments_prepare_work(log->segments, &plan);
    segments_prepare_done(log->segments, &plan);
    return plan.err.code;
}

/* The offset behind the last record of a segment file. */
static size_t end_of(struct log *log, const char *name)
{
    size_t size;
    uint8_t *bytes = mem_disk_bytes(log->disk, name, &size);

    assert_non_null(bytes);
    while (size > 0 && bytes[size - 1] == 0) {
        size--;
    }
    return (size + 7) & ~(size_t)7;
}

/* Where record `at` (from 0) of a segment starts. */
static size_t record_offset(struct log *log, const char *name, uint32_t at)
{
    size_t offset = SEGMENT_RECORDS_OFFSET;
    size_t size;
    uint8_t *bytes = mem_disk_bytes(log->disk, name, &size);

    while (at-- > 0) {
        offset += record_peek_size(bytes + offset);
    }
    return offset;
}

static void assert_corrupt(struct log *log, const char *name)
{
    assert_int_equal(log_open(log), ERR_CORRUPT);
    if (!strstr(log->err.text, name) || !strstr(log->err.text, "offset")) {
        fail_msg("no file or offset in: %s", log->err.text);
    }
}

/* One write and one sync a batch; all is there again after losing what was not synced. */
static void test_append_and_reopen(void **state)
{
    struct log log;
    uint64_t writes;
    uint64_t syncs;

    (void)state;
    log_create(&log);
    append_batches(&log, 1, 1);
    writes = mem_disk_count(log.disk, MEM_DISK_WRITE);
    syncs = mem_disk_count(log.disk, MEM_DISK_SYNC);
    append_batches(&log, 5, 4);
    assert_int_equal(mem_disk_count(log.disk, MEM_DISK_WRITE) - writes, 5);
    assert_int_equal(mem_disk_count(log.disk, MEM_DISK_SYNC) - syncs, 5);
    assert_true(mem_disk_is_synced(log.disk));
    log_close(&log);
    mem_disk_crash(log.disk, MEM_DISK_DROP);
    assert_int_equal(log_open(&log), ERR_NONE);
    assert_int_equal(log.visited, 21);
    assert_int_equal(log.found.last_index, 21);
    assert_string_equal(log.found.note, "");
    log_destroy(&log);
}

/* 10,000 entries over many segments; cut; reopen; read again with the cursor. */
static void test_many_segments(void **state)
{
    struct segments_cursor *cursor = NULL;
    struct segments_cut cut;
    struct log log;
    uint64_t last_index;
    uint64_t last_term;
    uint64_t before;

    (void)state;
    log_create(&log);
    for (uint64_t i = 0; i < 10000 / 8; i++) {
        assert_int_equal(append(&log, 8, false), ERR_NONE);
        if (segments_wants_prepare(log.segments)) {
            assert_int_equal(prepare(&log), ERR_NONE);
        }
    }
    before = segments_bytes(log.segments);
    assert_true(segments_cut_plan(log.segments, 5000, 10000, &cut));
    assert_true(cut.count > 50);
    segments_cut_work(log.segments, &cut);
    assert_int_equal(cut.err.code, ERR_NONE);
    assert_int_equal(cut.removed, cut.count);
    assert_true(segments_cut_done(log.segments, &cut, &last_index, &last_term));
    assert_true(last_index <= 5000 && last_index > 4900);
    assert_int_equal(last_term, 1 + last_index / 50);
    assert_false(segments_cut_plan(log.segments, 5000, 10000, &cut));
    assert_true(segments_bytes(log.segments) < before * 6 / 10);
    assert_true(segments_bytes_after(log.segments, 10000) == 0);
    log_close(&log);
    mem_disk_crash(log.disk, MEM_DISK_DROP);
    assert_int_equal(log_open(&log), ERR_NONE);
    assert_int_equal(log.first_visited, last_index + 1);
    assert_int_equal(log.found.last_index, 10000);
    assert_int_equal(log.found.configuration_index, 1);
    assert_int_equal(segments_cursor_open(log.segments, 7777, &cursor, &log.err), ERR_NONE);
    log.visited = 0;
    for (uint64_t index = 7777; index <= 10000; index++) {
        struct record record;

        assert_int_equal(segments_cursor_next(cursor, &record, &log.err), ERR_NONE);
        assert_int_equal(record.index, index);
        assert_int_equal(visit(&log, &record, NULL), ERR_NONE);
    }
    segments_cursor_close(cursor);
    log_destroy(&log);
}

/* The sum of the records above an index, with the stated tolerance. */
static void test_bytes_after(void **state)
{
    struct log log = {.options = {.segment_size = 1 << 20, .first_size = 1 << 19, .durable = true}};
    uint64_t sizes[4001];
    uint64_t above = 0;

    (void)state;
    log.disk = mem_disk_create(1);
    assert_int_equal(log_open(&log), ERR_NONE);
    for (uint64_t i = 1; i <= 4000; i++) {
        uint8_t bytes[512];

        sizes[i] = record_size(payload_of(i, bytes));
        assert_int_equal(append(&log, 1, false), ERR_NONE);
    }
    for (uint64_t i = 4000; i > 0; i--) {
        uint64_t told = segments_bytes_after(log.segments, i);

        assert_true(told >= above && told <= above + 65536 + 512);
        above += sizes[i];
    }
    assert_int_equal(segments_bytes(log.segments), above);
    assert_int_equal(segments_bytes_after(log.segments, 0), above);
    log_destroy(&log);
}

/* A small log of three segments, synced, for the tests of damage. */
static void small_log(struct log *log, bool known_durable)
{
    log_create(log);
    append_batches(log, 40, 4);
    append_batches(log, 3, 3);
    assert_non_null(mem_disk_bytes(log->disk, "segment-0000000003", &(size_t){0}));
    log->options.durable_index = known_durable ? segments_last_index(log->segments) : 0;
    log_close(log);
    assert_int_equal(log_open(log), ERR_NONE);
    log_close(log);
}

/* The newest segment's name. */
static const char *newest_name(struct log *log, char name[40])
{
    for (unsigned i = 99; i > 0; i--) {
        size_t size;

        (void)snprintf(name, 40, "segment-%010u", i);
        if (mem_disk_bytes(log->disk, name, &size)) {
            break;
        }
    }
    return name;
}

/* Every byte of every segment is flipped in turn: found, or in the unused end of the last one cut
 * and reported. */
static void test_every_flip(void **state)
{
    struct log log;
    char last[40];
    size_t end;

    (void)state;
    small_log(&log, true);
    end = end_of(&log, newest_name(&log, last));
    for (unsigned segment = 1; segment <= 3; segment++) {
        char name[40];
        size_t size;

        (void)snprintf(name, sizeof name, "segment-%010u", segment);
        assert_non_null(mem_disk_bytes(log.disk, name, &size));
        for (size_t at = 0; at < size; at++) {
            mem_disk_flip(log.disk, name, at, (uint8_t)(1u << (at % 8)));
            if (strcmp(name, last) == 0 && at >= end) {
                assert_int_equal(log_open(&log), ERR_NONE);
                assert_non_null(strstr(log.found.note, last));
                assert_int_equal(log.visited, log.options.durable_index);
                assert_int_equal(mem_disk_bytes(log.disk, name, &size)[at], 0);
                log_close(&log);
            } else {
                assert_corrupt(&log, name);
                mem_disk_flip(log.disk, name, at, (uint8_t)(1u << (at % 8)));
            }
        }
    }
    assert_int_equal(log_open(&log), ERR_NONE);
    log_destroy(&log);
}

/* Without knowing from meta what was synced: the last batch is cut, all before it is still refused.
 */
static void test_flips_in_the_last_batch(void **state)
{
    struct log log;
    char last[40];
    size_t batch;
    size_t end;

    (void)state;
    small_log(&log, false);
    end = end_of(&log, newest_name(&log, last));
    /* The last batch is of three records; find where it starts. */
    for (uint32_t at = 0;; at++) {
        batch = record_offset(&log, last, at);
        if (record_offset(&log, last, at + 3) == end) {
            break;
        }
    }
    for (size_t at = SEGMENT_RECORDS_OFFSET; at < end; at += 3) {
        struct mem_disk *disk = log.disk;

        mem_disk_flip(log.disk, last, at, 0x10);
        if (at < batch) {
            assert_corrupt(&log, last);
        } else {
            log.disk = mem_disk_clone(disk, 1);
            assert_int_equal(log_open(&log), ERR_NONE);
            assert_non_null(strstr(log.found.note, "torn tail"));
            assert_true(log.visited >= 40 * 4 + 2 * 3 && log.visited < 40 * 4 + 3 * 3);
            log_destroy(&log);
            log.disk = disk;
        }
        mem_disk_flip(log.disk, last, at, 0x10);
    }
    log_destroy(&log);
}

/* A byte in the unused end of a segment that is not the last one: no crash writes there. */
static void test_flip_behind_an_older_segment(void **state)
{
    struct log log;

    (void)state;
    small_log(&log, false);
    mem_disk_flip(log.disk, "segment-0000000001", SEGMENT - 1, 1);
    assert_corrupt(&log, "segment-0000000001");
    mem_disk_flip(log.disk, "segment-0000000001", SEGMENT - 1, 1);
    assert_int_equal(log_open(&log), ERR_NONE);
    log_destroy(&log);
}

/* Every prefix of every file is refused. */
static void test_every_truncation(void **state)
{
    struct log log;

    (void)state;
    small_log(&log, true);
    for (unsigned segment = 1; segment <= 3; segment++) {
        char name[40];
        size_t size;

        (void)snprintf(name, sizeof name, "segment-%010u", segment);
        assert_non_null(mem_disk_bytes(log.disk, name, &size));
        for (size_t prefix = 0; prefix < size; prefix += prefix < 5000 ? 1 : 61) {
            struct mem_disk *disk = log.disk;

            log.disk = mem_disk_clone(disk, 1);
            mem_disk_truncate(log.disk, name, prefix);
            assert_corrupt(&log, name);
            mem_disk_destroy(log.disk);
            log.disk = disk;
        }
    }
    log_destroy(&log);
}

/* Each file is lost in turn: in the middle a hole, at the end known from what was synced. */
static void test_missing_files(void **state)
{
    struct log log;
    struct mem_disk *disk;

    (void)state;
    small_log(&log, true);
    disk = log.disk;
    log.disk = mem_disk_clone(disk, 1);
    mem_disk_lose(log.disk, "segment-0000000002");
    assert_corrupt(&log, "segment-0000000002");
    mem_disk_destroy(log.disk);

    log.disk = mem_disk_clone(disk, 1);
    mem_disk_lose(log.disk, "segment-0000000003");
    assert_corrupt(&log, "segment-0000000003 is missing");
    mem_disk_lose(log.disk, "segment-0000000002");
    mem_disk_lose(log.disk, "segment-0000000001");
    assert_corrupt(&log, "segment");
    mem_disk_destroy(log.disk);

    /* The oldest may have been cut: what is left is whole, and says where it starts. */
    log.disk = mem_disk_clone(disk, 1);
    mem_disk_lose(log.disk, "segment-0000000001");
    assert_int_equal(log_open(&log), ERR_NONE);
    assert_true(log.found.first_index > 1);
    log_close(&log);

    /* Unless the state machine still needs what was there. */
    log.options.needed_index = log.found.first_index;
    assert_int_equal(log_open(&log), ERR_NONE);
    log_close(&log);
    log.options.needed_index--;
    assert_corrupt(&log, "segment-0000000002");
    mem_disk_destroy(log.disk);
    mem_disk_destroy(disk);
}

/* Nothing but the log knows what was synced, as after a kill: the last file goes, or the last two,
 * with the next segment ready or not. */
static void test_missing_last_files(void **state)
{
    (void)state;
    for (unsigned ready = 0; ready < 2; ready++) {
        struct log log;
        char name[40];
        unsigned last = 3 + ready;

        small_log(&log, false);
        assert_int_equal(log_open(&log), ERR_NONE);
        if (ready) {
            assert_int_equal(prepare(&log), ERR_NONE);
        }
        log_close(&log);
        mem_disk_crash(log.disk, MEM_DISK_DROP);
        for (; last > 1; last--) {
            (void)snprintf(name, sizeof name, "segment-%010u", last);
            mem_disk_lose(log.disk, name);
            assert_corrupt(&log, name);
            assert_non_null(strstr(log.err.text, "is missing"));
        }
        mem_disk_destroy(log.disk);
    }
}

/* A ready segment of which the newest one speaks: empty or torn it is made anew, with another size
 * or away it is refused; when the name itself is damaged it goes with the file. */
static void test_ready_segment(void **state)
{
    static const char next[] = "segment-0000000002";
    struct log log;
    struct mem_disk *disk;
    size_t size;

    (void)state;
    log_create(&log);
    append_batches(&log, 3, 2);
    assert_int_equal(prepare(&log), ERR_NONE);
    log_close(&log);
    assert_true(mem_disk_is_synced(log.disk));
    disk = log.disk;
    for (unsigned kind = 0; kind < 5; kind++) {
        log.disk = mem_disk_clone(disk, 1);
        if (kind == 1) {
            mem_disk_flip(log.disk, next, 77, 3);
        } else if (kind == 2) {
            mem_disk_flip(log.disk, "segment-0000000001", SEGMENT_HEADER_SIZE + 9, 3);
        } else if (kind == 3) {
            mem_disk_truncate(log.disk, next, SEGMENT - 1);
        } else if (kind == 4) {
            mem_disk_flip(log.disk, "segment-0000000001", SEGMENT_HEADER_SIZE + 9, 3);
            mem_disk_lose(log.disk, next);
        }
        if (kind >= 3) {
            assert_corrupt(&log, next);
            assert_corrupt(&log, next);
        } else {
            assert_int_equal(log_open(&log), ERR_NONE);
            assert_int_equal(log.visited, 6);
            assert_int_equal(log.found.note[0] != 0, kind > 0);
            assert_null(mem_disk_bytes(log.disk, next, &size));
            log_close(&log);
            mem_disk_crash(log.disk, MEM_DISK_DROP);
            assert_int_equal(log_open(&log), ERR_NONE);
            assert_string_equal(log.found.note, "");
            append_batches(&log, 40, 4);
            log_close(&log);
            mem_disk_crash(log.disk, MEM_DISK_DROP);
            assert_int_equal(log_open(&log), ERR_NONE);
            assert_int_equal(log.visited, 166);
        }
        log_destroy(&log);
    }
    mem_disk_destroy(disk);
}

/* A segment that holds the bytes of another one, or of another cluster. */
static void test_foreign_segments(void **state)
{
    struct log log;
    size_t size;
    uint8_t *two;
    uint8_t *three;

    (void)state;
    small_log(&log, true);
    two = mem_disk_bytes(log.disk, "segment-0000000002", &size);
    three = mem_disk_bytes(log.disk, "segment-0000000003", &size);
    memcpy(three, two, size);
    assert_corrupt(&log, "segment-0000000003");
    log_destroy(&log);

    small_log(&log, true);
    log.options.cluster_id = CLUSTER;
    {
        struct segment_header header;
        uint8_t *bytes = mem_disk_bytes(log.disk, "segment-0000000002", &size);
        uint8_t copy[SEGMENT_HEADER_SIZE];

        memcpy(copy, bytes, sizeof copy);
        assert_int_equal(segment_header_decode(slice_of(copy, sizeof copy), &header, &log.err),
                         ERR_NONE);
        header.cluster_id++;
        segment_header_encode(&header, bytes);
        assert_corrupt(&log, "segment-0000000002");
        assert_non_null(strstr(log.err.text, "cluster"));
        memcpy(bytes, copy, sizeof copy);
    }
    {
        size_t offset = record_offset(&log, "segment-0000000002", 5);
        uint8_t *bytes = mem_disk_bytes(log.disk, "segment-0000000002", &size);
        struct record record;
        uint8_t copy[512];

        memcpy(copy, bytes + offset, record_peek_size(bytes + offset));
        assert_true(record_decode(slice_of(copy, sizeof copy), &record));
        record.cluster_id++;
        record_encode(&record, bytes + offset);
        assert_corrupt(&log, "segment-0000000002");
        assert_non_null(strstr(log.err.text, "cluster"));
    }
    log_destroy(&log);
}

/* The last write loses any one or two of its sectors: a torn tail, never damage; what follows is
 * appended cleanly. */
static void test_torn_batches(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct log log;
        uint64_t synced;

        log_create(&log);
        append_batches(&log, 20 + (uint32_t)(seed % 20), 4);
        synced = segments_last_index(log.segments);
        /* The power goes in the sync of the last batch. */
        mem_disk_set_power(log.disk, 1);
        (void)append(&log, 16, false);
        assert_false(mem_disk_has_power(log.disk));
        log_close(&log);
        mem_disk_set_seed(log.disk, seed);
        mem_disk_crash(log.disk, MEM_DISK_TORN);
        if (log_open(&log) != ERR_NONE) {
            fail_msg("seed %d: %s", (int)seed, log.err.text);
        }
        assert_true(log.visited >= synced && log.visited <= synced + 16);
        assert_true(mem_disk_is_synced(log.disk));
        append_batches(&log, 3, 1);
        log_close(&log);
        assert_int_equal(log_open(&log), ERR_NONE);
        assert_string_equal(log.found.note, "");
        log_destroy(&log);
    }
}

/* Old bytes behind a cut tail do not come back as records, also when the next record ends where one
 * of them begins. */
static void test_no_stale_records(void **state)
{
    struct log log;
    size_t size;
    uint8_t *bytes;
    size_t second;
    uint64_t kept;

    (void)state;
    log_create(&log);
    append_batches(&log, 1, 1);
    kept = segments_last_index(log.segments);
    append_batches(&log, 1, 3);
    second = record_offset(&log, "segment-0000000001", 1);
    log_close(&log);
    bytes = mem_disk_bytes(log.disk, "segment-0000000001", &size);
    bytes[second + 60] ^= 1;
    assert_int_equal(log_open(&log), ERR_NONE);
    assert_int_equal(log.visited, kept);
    assert_non_null(strstr(log.found.note, "offset"));
    append_batches(&log, 1, 1);
    log_close(&log);
    mem_disk_crash(log.disk, MEM_DISK_DROP);
    assert_int_equal(log_open(&log), ERR_NONE);
    assert_int_equal(log.visited, kept + 1);
    log_destroy(&log);
}

/* Each changing call fails in turn while a log is opened, filled, rolled and cut: an error or a
 * whole log, never less. */
static void test_fault_twins(void **state)
{
    (void)state;
    for (unsigned partial = 0; partial < 2; partial++) {
        for (uint64_t pass = 0;; pass++) {
            struct log log = {.disk = mem_disk_create(pass)};
            uint64_t synced = 0;
            bool failed = log_open(&log) != ERR_NONE;

            assert_false(failed);
            mem_disk_set_fault(log.disk, (struct mem_disk_fault){.calls = MEM_DISK_ALL,
                                                                 .pass = pass,
                                                                 .partial = partial,
                                                                 .code = ERR_IO});
            for (uint32_t i = 0; i < 60 && !failed; i++) {
                struct segments_cut cut;
                uint64_t index;
                uint64_t term;

                failed = append(&log, 4, false) != ERR_NONE;
                if (!failed) {
                    synced = segments_last_index(log.segments);
                } else {
                    /* Nothing is written any more. */
                    assert_int_equal(append(&log, 1, true), ERR_IO);
                }
                if (!failed && segments_wants_prepare(log.segments)) {
                    failed = prepare(&log) != ERR_NONE;
                }
                if (!failed && i > 40 && segments_cut_plan(log.segments, synced, synced, &cut)) {
                    segments_cut_work(log.segments, &cut);
                    (void)segments_cut_done(log.segments, &cut, &index, &term);
                    failed = cut.err.code != ERR_NONE;
                }
            }
            log_close(&log);
            mem_disk_crash(log.disk, MEM_DISK_TORN);
            if (log_open(&log) != ERR_NONE) {
                fail_msg("pass %d: %s", (int)pass, log.err.text);
            }
            assert_true(log.found.last_index >= synced);
            log_destroy(&log);
            if (!failed) {
                assert_true(pass > 100);
                break;
            }
        }
    }
}

/* Each call of opening fails in turn: an error, and the next attempt finds everything. */
static void test_open_fault_twins(void **state)
{
    struct log log;
    uint64_t entries;

    (void)state;
    small_log(&log, true);
    entries = log.visited;
    for (uint64_t pass = 0;; pass++) {
        enum err_code code;

        mem_disk_set_fault(
            log.disk, (struct mem_disk_fault){.calls = MEM_DISK_ALL, .pass = pass, .code = ERR_IO});
        code = log_open(&log);
        log_close(&log);
        mem_disk_set_fault(log.disk, (struct mem_disk_fault){0});
        assert_int_equal(log_open(&log), ERR_NONE);
        assert_int_equal(log.visited, entries);
        log_close(&log);
        if (code == ERR_NONE) {
            assert_true(pass > 8);
            break;
        }
        assert_int_equal(code, ERR_IO);
    }
    log_destroy(&log);
}

/* Appends until a call fails, with the next segment made ahead of time; returns the last index that
 * was acknowledged. */
static uint64_t append_until_failure(struct log *log, uint32_t batches)
{
    uint64_t acknowledged = segments_last_index(log->segments);

    for (uint32_t i = 0; i < batches; i++) {
        if (append(log, 4, false) != ERR_NONE) {
            break;
        }
        acknowledged = segments_last_index(log->segments);
        if (segments_wants_prepare(log->segments) && prepare(log) != ERR_NONE) {
            break;
        }
    }
    log_close(log);
    return acknowledged;
}

/* A sync fails, the process starts again on the page cache, which is not what the disk holds, and
 * acknowledges more; then the power goes: all of that is there. */
static void test_page_cache_of_a_failed_sync(void **state)
{
    (void)state;
    for (uint64_t pass = 0; pass < 70; pass++) {
        struct log log;
        uint64_t acknowledged;

        log_create(&log);
        mem_disk_set_fault(log.disk, (struct mem_disk_fault){
                                         .calls = MEM_DISK_SYNC, .pass = pass, .code = ERR_IO});
        acknowledged = append_until_failure(&log, 60);
        mem_disk_crash(log.disk, MEM_DISK_KEEP);
        assert_int_equal(log_open(&log), ERR_NONE);
        assert_true(log.visited >= acknowledged);
        acknowledged = append_until_failure(&log, 1 + (uint32_t)(pass % 2) * 40);
        assert_true(acknowledged > log.visited);
        mem_disk_crash(log.disk, MEM_DISK_DROP);
        if (log_open(&log) != ERR_NONE) {
            fail_msg("pass %d: %s", (int)pass, log.err.text);
        }
        assert_int_equal(log.visited, acknowledged);
        log_destroy(&log);
    }
}

/* Each changing call of opening fails in turn, and the next start finds its page cache; then the
 * power goes, before or after more is acknowledged. */
static void test_page_cache_of_a_failed_opening(void **state)
{
    bool failed = true;

    (void)state;
    for (uint64_t pass = 0; failed; pass++) {
        for (uint32_t more = 0; more < 2; more++) {
            struct log log;
            uint64_t acknowledged;

            log_create(&log);
            append_batches(&log, 20, 4);
            assert_int_equal(prepare(&log), ERR_NONE);
            log_close(&log);
            mem_disk_set_fault(
                log.disk,
                (struct mem_disk_fault){.calls = MEM_DISK_CHANGES, .pass = pass, .code = ERR_IO});
            failed = log_open(&log) != ERR_NONE;
            log_close(&log);
            mem_disk_crash(log.disk, MEM_DISK_KEEP);
            assert_int_equal(log_open(&log), ERR_NONE);
            acknowledged = append_until_failure(&log, more * 40);
            mem_disk_crash(log.disk, MEM_DISK_DROP);
            if (log_open(&log) != ERR_NONE) {
                fail_msg("pass %d: %s", (int)pass, log.err.text);
            }
            assert_int_equal(log.visited, acknowledged);
            log_destroy(&log);
        }
        assert_true(failed || pass > 4);
    }
}

/* A full disk: room says no when the segment has no successor, barriers get the reserve, space
 * clears it. */
static void test_no_space_for_the_next_segment(void **state)
{
    struct log log;
    size_t room = 0;
    uint64_t full;

    (void)state;
    log_create(&log);
    append_batches(&log, 1, 1);
    mem_disk_set_capacity(log.disk, SEGMENT + 100);
    assert_int_equal(prepare(&log), ERR_NO_SPACE);
    assert_true(segments_lacks_space(log.segments));
    while (append(&log, 1, false) == ERR_NONE) {
        room++;
    }
    assert_int_equal(log.err.code, ERR_NO_SPACE);
    assert_true(room > 30);
    full = segments_last_index(log.segments);
    assert_int_equal(segments_room(log.segments, 48, true, &log.err), ERR_NONE);
    assert_int_equal(prepare(&log), ERR_NO_SPACE);
    assert_int_equal(append(&log, 1, false), ERR_NO_SPACE);
    mem_disk_set_capacity(log.disk, UINT64_MAX);
    assert_int_equal(prepare(&log), ERR_NONE);
    assert_false(segments_lacks_space(log.segments));
    append_batches(&log, 5, 2);
    log_close(&log);
    mem_disk_crash(log.disk, MEM_DISK_DROP);
    assert_int_equal(log_open(&log), ERR_NONE);
    assert_int_equal(log.visited, full + 10);
    log_destroy(&log);
}

/* A batch that had no space is written again with `resume`; later ones wait for it. */
static void test_resume_after_no_space(void **state)
{
    struct log log;
    uint8_t bytes[2][512];
    struct log_entry entries[2] = {{0}};
    struct segments_write writes[2] = {{0}};

    (void)state;
    log_create(&log);
    append_batches(&log, 10, 1);
    for (uint32_t i = 0; i < 2; i++) {
        entries[i] = (struct log_entry){
            .index = 11 + i, .term = 1, .type = RECORD_COMMAND, .bytes = bytes[i]};
        entries[i].size = payload_of(11 + i, bytes[i]);
        assert_int_equal(segments_room(log.segments, 512, false, &log.err), ERR_NONE);
        segments_plan(log.segments, &entries[i], 1, (struct segments_configuration){0}, &writes[i]);
    }
    mem_disk_set_fault(log.disk,
                       (struct mem_disk_fault){.calls = MEM_DISK_SYNC, .code = ERR_NO_SPACE});
    segments_write_work(log.segments, &writes[0]);
    segments_write_work(log.segments, &writes[1]);
    assert_int_equal(writes[0].err.code, ERR_NO_SPACE);
    assert_int_equal(writes[1].err.code, ERR_NO_SPACE);
    writes[0].resume = true;
    segments_write_work(log.segments, &writes[0]);
    segments_write_work(log.segments, &writes[1]);
    assert_int_equal(writes[0].err.code, ERR_NONE);
    assert_int_equal(writes[1].err.code, ERR_NONE);
    log_close(&log);
    mem_disk_crash(log.disk, MEM_DISK_DROP);
    assert_int_equal(log_open(&log), ERR_NONE);
    assert_int_equal(log.visited, 12);
    log_destroy(&log);
}

/* More than a segment holds is refused, and the largest that fits is not. */
static void test_entry_too_large(void **state)
{
    struct log log;

    (void)state;
    log_create(&log);
    assert_int_equal(segments_room(log.segments, SEGMENT - SEGMENT_RECORDS_OFFSET, false, &log.err),
                     ERR_NONE);
    assert_int_equal(
        segments_room(log.segments, SEGMENT - SEGMENT_RECORDS_OFFSET + 1, false, &log.err),
        ERR_TOO_LARGE);
    log_destroy(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_and_reopen),
        cmocka_unit_test(test_many_segments),
        cmocka_unit_test(test_bytes_after),
        cmocka_unit_test(test_every_flip),
        cmocka_unit_test(test_flips_in_the_last_batch),
        cmocka_unit_test(test_flip_behind_an_older_segment),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_missing_files),
        cmocka_unit_test(test_missing_last_files),
        cmocka_unit_test(test_ready_segment),
        cmocka_unit_test(test_foreign_segments),
        cmocka_unit_test(test_torn_batches),
        cmocka_unit_test(test_no_stale_records),
        cmocka_unit_test(test_fault_twins),
        cmocka_unit_test(test_open_fault_twins),
        cmocka_unit_test(test_page_cache_of_a_failed_sync),
        cmocka_unit_test(test_page_cache_of_a_failed_opening),
        cmocka_unit_test(test_no_space_for_the_next_segment),
        cmocka_unit_test(test_resume_after_no_space),
        cmocka_unit_test(test_entry_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
