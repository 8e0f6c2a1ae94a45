/* The log's bytes: headers, records, meta slots and successor pages, in and out, and as the page
 * docs/formats/log.md shows them. */
#include "replica/segments_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define CLUSTER UINT64_C(0x1122334455667788)
#define SEGMENT 20480

/* Encode, decode, compare; then every flipped bit must be seen. */
static void test_record_round_trip(void **state)
{
    uint8_t bytes[256];

    (void)state;
    for (size_t size = 0; size < 40; size++) {
        struct record record = {.type = RECORD_BARRIER,
                                .index = 77,
                                .term = 3,
                                .cluster_id = CLUSTER,
                                .durable_index = 70,
                                .payload =
                                    slice_of("0123456789012345678901234567890123456789", size)};
        struct record back;
        size_t total = record_size(size);

        record_encode(&record, bytes);
        assert_int_equal(record_peek_size(bytes), total);
        assert_true(record_decode(slice_of(bytes, total), &back));
        assert_true(slice_equal(back.payload, record.payload));
        assert_int_equal(back.index, 77);
        assert_int_equal(back.term, 3);
        assert_int_equal(back.durable_index, 70);
        assert_int_equal(back.type, RECORD_BARRIER);
        assert_false(record_decode(slice_of(bytes, total - 1), &back));
        for (size_t bit = 0; bit < total * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            assert_false(record_decode(slice_of(bytes, total), &back));
            bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
    }
}

/* The same for a successor's name; zeros are none. */
static void test_successor_round_trip(void **state)
{
    struct segment_successor successor = {
        .cluster_id = CLUSTER, .sequence = 10, .file_size = SEGMENT};
    struct segment_successor back;
    uint8_t bytes[SEGMENT_SUCCESSOR_SIZE] = {0};

    (void)state;
    assert_false(segment_successor_decode(slice_of(bytes, sizeof bytes), &back));
    segment_successor_encode(&successor, bytes);
    assert_true(segment_successor_decode(slice_of(bytes, sizeof bytes), &back));
    assert_memory_equal(&successor, &back, sizeof successor);
    assert_false(segment_successor_decode(slice_of(bytes, sizeof bytes - 1), &back));
    for (size_t at = 0; at < sizeof bytes; at++) {
        bytes[at] ^= 4;
        assert_false(segment_successor_decode(slice_of(bytes, sizeof bytes), &back));
        bytes[at] ^= 4;
    }
}

/* The same for headers and meta slots. */
static void test_header_and_slot_round_trip(void **state)
{
    struct segment_header header = {.cluster_id = CLUSTER,
                                    .sequence = 9,
                                    .first_index = 100,
                                    .previous_term = 4,
                                    .file_size = SEGMENT,
                                    .configuration_index = 7,
                                    .configuration = slice_text("who")};
    struct meta_slot slot = {
        .cluster_id = CLUSTER, .sequence = 2, .term = 5, .vote = 1, .durable_index = 6};
    uint8_t bytes[SEGMENT_HEADER_SIZE];
    struct segment_header header_back;
    struct meta_slot slot_back;
    struct err err;

    (void)state;
    segment_header_encode(&header, bytes);
    assert_int_equal(segment_header_decode(slice_of(bytes, sizeof bytes), &header_back, &err),
                     ERR_NONE);
    assert_true(slice_is(header_back.configuration, "who"));
    header_back.configuration = header.configuration;
    assert_memory_equal(&header, &header_back, sizeof header);
    for (size_t at = 0; at < sizeof bytes; at++) {
        bytes[at] ^= 4;
        assert_int_equal(segment_header_decode(slice_of(bytes, sizeof bytes), &header_back, &err),
                         ERR_CORRUPT);
        bytes[at] ^= 4;
    }
    meta_slot_encode(&slot, bytes);
    assert_int_equal(meta_slot_decode(slice_of(bytes, META_SLOT_SIZE), &slot_back, &err), ERR_NONE);
    assert_memory_equal(&slot, &slot_back, sizeof slot);
    for (size_t at = 0; at < META_SLOT_SIZE; at++) {
        bytes[at] ^= 4;
        assert_int_equal(meta_slot_decode(slice_of(bytes, META_SLOT_SIZE), &slot_back, &err),
                         ERR_CORRUPT);
        bytes[at] ^= 4;
    }
}

/* Puts the right checksum of bytes[from .. size) at `at`. */
static void seal(uint8_t *bytes, size_t at, size_t from, size_t size)
{
    uint64_t sum = XXH3_64bits(bytes + from, size - from);

    for (size_t i = 0; i < 8; i++) {
        bytes[at + i] = (uint8_t)(sum >> (8 * i));
    }
}

/* Bytes that are not used must be zero, even under a right checksum: what decodes encodes to the
 * same bytes. */
static void test_unused_bytes(void **state)
{
    struct record record = {.type = RECORD_BARRIER,
                            .index = 7,
                            .term = 3,
                            .cluster_id = CLUSTER,
                            .payload = slice_text("abc")};
    struct segment_header header = {
        .sequence = 1, .first_index = 1, .file_size = SEGMENT, .configuration = slice_text("who")};
    struct segment_successor successor = {.sequence = 2, .file_size = SEGMENT};
    struct meta_slot slot = {.sequence = 2, .term = 5};
    uint8_t bytes[SEGMENT_HEADER_SIZE];
    struct err err;

    (void)state;
    record_encode(&record, bytes);
    bytes[record_size(3) - 1] = 1;
    seal(bytes, 0, 8, record_size(3));
    assert_false(record_decode(slice_of(bytes, sizeof bytes), &record));
    segment_header_encode(&header, bytes);
    bytes[75] = 1;
    seal(bytes, 8, 16, SEGMENT_HEADER_SIZE);
    assert_int_equal(segment_header_decode(slice_of(bytes, sizeof bytes), &header, &err),
                     ERR_CORRUPT);
    segment_successor_encode(&successor, bytes);
    bytes[SEGMENT_SUCCESSOR_SIZE - 1] = 1;
    seal(bytes, 8, 16, SEGMENT_SUCCESSOR_SIZE);
    assert_false(segment_successor_decode(slice_of(bytes, SEGMENT_SUCCESSOR_SIZE), &successor));
    meta_slot_encode(&slot, bytes);
    bytes[20] = 1;
    seal(bytes, 8, 16, META_SLOT_SIZE);
    assert_int_equal(meta_slot_decode(slice_of(bytes, META_SLOT_SIZE), &slot, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "offset 20"));
}

/* Reads the hex lines ("offset: bytes") below the marker in the page. */
static size_t example_bytes(const char *marker, uint8_t *ret_bytes, size_t size_max)
{
    FILE *page = fopen("docs/formats/log.md", "r");
    bool inside = false;
    size_t count = 0;
    char line[256];

    assert_non_null(page);
    while (fgets(line, sizeof line, page)) {
        char *at = strchr(line, ':');

        if (strstr(line, marker)) {
            inside = true;
            continue;
        }
        if (!inside || !at || line[0] < '0' || line[0] > '9') {
            if (inside && count > 0) {
                break;
            }
            continue;
        }
        assert_int_equal(strtoul(line, NULL, 16), count);
        for (at++; *at && *at != '\n' && *at != '|';) {
            char *end;
            unsigned long byte = strtoul(at, &end, 16);

            if (end == at) {
                break;
            }
            assert_true(count < size_max);
            ret_bytes[count++] = (uint8_t)byte;
            at = end;
        }
    }
    (void)fclose(page);
    return count;
}

/* The page's examples decode to what the page says, and encode to the same bytes. */
static void test_page_examples(void **state)
{
    uint8_t bytes[256];
    uint8_t back[256];
    struct record record;
    uint8_t page[SEGMENT_SUCCESSOR_SIZE];
    struct segment_successor successor;
    struct meta_slot slot;
    struct err err;
    size_t size = example_bytes("example: record", bytes, sizeof bytes);

    (void)state;
    assert_true(record_decode(slice_of(bytes, size), &record));
    assert_int_equal(record.type, RECORD_COMMAND);
    assert_int_equal(record.index, 3);
    assert_int_equal(record.term, 2);
    assert_int_equal(record.cluster_id, CLUSTER);
    assert_int_equal(record.durable_index, 2);
    assert_true(slice_is(record.payload, "hello, log"));
    record_encode(&record, back);
    assert_int_equal(size, record_size(record.payload.size));
    assert_memory_equal(bytes, back, size);

    size = example_bytes("example: meta", bytes, sizeof bytes);
    assert_int_equal(size, META_SLOT_SIZE);
    assert_int_equal(meta_slot_decode(slice_of(bytes, size), &slot, &err), ERR_NONE);
    assert_int_equal(slot.sequence, 3);
    assert_int_equal(slot.term, 2);
    assert_int_equal(slot.vote, 1);
    assert_int_equal(slot.durable_index, 2);
    meta_slot_encode(&slot, back);
    assert_memory_equal(bytes, back, size);

    size = example_bytes("example: successor", bytes, sizeof bytes);
    assert_int_equal(size, 40);
    memset(page, 0, sizeof page);
    memcpy(page, bytes, size);
    assert_true(segment_successor_decode(slice_of(page, sizeof page), &successor));
    assert_int_equal(successor.cluster_id, CLUSTER);
    assert_int_equal(successor.sequence, 2);
    assert_int_equal(successor.file_size, 64 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_round_trip), cmocka_unit_test(test_successor_round_trip),
        cmocka_unit_test(test_unused_bytes),      cmocka_unit_test(test_header_and_slot_round_trip),
        cmocka_unit_test(test_page_examples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
