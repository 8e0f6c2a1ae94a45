/* Fuzz target: what the log is made of. The first byte says what the rest is:
 *
 *   r  a record         h  a segment's header     s  a successor page      m  a slot of meta
 *   e  an entry: a record's payload
 *
 * The capital letter puts the right checksum in first. Whatever decodes must encode to the same
 * bytes; an entry, whose fields may come in any order, to bytes that do. */
#include "base/buf.h"
#include "core/entry.h"
#include "fuzz/fuzz.h"
#include "replica/segments_format.h"

#include <xxhash.h>

#define BYTES_MAX ((size_t)1 << 20)
#define ENTRY_ARENA ((size_t)4 << 20)
#define CHECKSUM_SIZE 8
#define MAGIC_SIZE 8

/* One form of bytes with a checksum. */
struct form {
    char letter;
    size_t checksum_at; /* Of all that follows it, up to the size. */
    size_t size;        /* 0 = a record's, which says it. */
    void (*check)(struct slice bytes);
};

static void check_record(struct slice bytes)
{
    static uint8_t again[BYTES_MAX];
    struct record record;

    if (!record_decode(bytes, &record)) {
        return;
    }
    fuzz_expect(record.payload.size <= bytes.size, "a payload larger than its record");
    fuzz_expect(record_size(record.payload.size) <= bytes.size, "a record behind its bytes");
    record_encode(&record, again);
    fuzz_expect(memcmp(bytes.data, again, record_size(record.payload.size)) == 0,
                "a record encodes to other bytes");
}

static void check_header(struct slice bytes)
{
    uint8_t again[SEGMENT_HEADER_SIZE];
    struct segment_header header;
    struct err err;

    if (segment_header_decode(bytes, &header, &err)) {
        fuzz_expect(strstr(err.text, "offset") != NULL, "an error without an offset: %s", err.text);
        return;
    }
    segment_header_encode(&header, again);
    fuzz_expect(memcmp(bytes.data, again, sizeof(again)) == 0, "a header encodes to other bytes");
}

static void check_successor(struct slice bytes)
{
    uint8_t again[SEGMENT_SUCCESSOR_SIZE];
    struct segment_successor successor;

    if (segment_successor_decode(bytes, &successor)) {
        segment_successor_encode(&successor, again);
        fuzz_expect(memcmp(bytes.data, again, sizeof(again)) == 0,
                    "a successor page encodes to other bytes");
    }
}

static void check_meta(struct slice bytes)
{
    uint8_t again[META_SLOT_SIZE];
    struct meta_slot slot;
    struct err err;

    if (meta_slot_decode(bytes, &slot, &err)) {
        fuzz_expect(strstr(err.text, "offset") != NULL, "an error without an offset: %s", err.text);
        return;
    }
    meta_slot_encode(&slot, again);
    fuzz_expect(memcmp(bytes.data, again, sizeof(again)) == 0, "a slot encodes to other bytes");
}

/* Encodes the entry anew; false when it does not decode. */
static bool encode_again(struct slice bytes, struct arena *arena, struct buf *ret_buf)
{
    struct entry entry;
    struct err err;

    if (entry_open(bytes, &entry, &err)) {
        fuzz_expect(err.code == ERR_CORRUPT, "an entry is refused as %s", err_code_name(err.code));
        return false;
    }
    for (uint32_t i = 0; i < entry.count; i++) {
        const struct op_spec *spec;
        struct op_head head;
        void *request;

        if (entry_next(&entry, arena, &spec, &head, &request, &err)) {
            fuzz_expect(err.code == ERR_CORRUPT || err.code == ERR_NOMEM,
                        "an operation is refused as %s", err_code_name(err.code));
            return false;
        }
        fuzz_expect(entry_add(ret_buf, spec, &head, request), "an operation is not added");
    }
    return entry.rest.size == 0 && entry_seal(ret_buf, entry.now_ns, entry.seed);
}

static void check_entry(struct slice bytes)
{
    struct arena arena;
    struct buf once;
    struct buf twice;

    arena_init(&arena, ENTRY_ARENA);
    buf_init(&once, BYTES_MAX);
    buf_init(&twice, BYTES_MAX);
    if (encode_again(bytes, &arena, &once)) {
        fuzz_expect(encode_again(buf_slice(&once), &arena, &twice), "its own entry is refused");
        fuzz_expect(slice_equal(buf_slice(&once), buf_slice(&twice)),
                    "an entry does not come round");
    }
    buf_done(&twice);
    buf_done(&once);
    arena_done(&arena);
}

static const struct form forms[] = {
    {'r', 0, 0, check_record},
    {'h', MAGIC_SIZE, SEGMENT_HEADER_SIZE, check_header},
    {'s', MAGIC_SIZE, SEGMENT_SUCCESSOR_SIZE, check_successor},
    {'m', MAGIC_SIZE, META_SLOT_SIZE, check_meta},
};

/* Puts in the checksum that the bytes should have. */
static void seal(const struct form *form, uint8_t *bytes, size_t size)
{
    size_t end = form->size;
    size_t from = form->checksum_at + CHECKSUM_SIZE;
    uint64_t sum;

    if (end == 0 && size >= RECORD_HEADER_SIZE) {
        end = record_peek_size(bytes);
    }
    if (end == 0 || end > size) {
        return;
    }
    sum = XXH3_64bits(bytes + from, end - from);
    for (size_t i = 0; i < CHECKSUM_SIZE; i++) {
        bytes[form->checksum_at + i] = (uint8_t)(sum >> (8 * i));
    }
}

static void try_form(const struct form *form, struct slice input, bool sealed)
{
    struct buf bytes;

    buf_init(&bytes, BYTES_MAX);
    (void)buf_add_slice(&bytes, input);
    /* Pages are mostly zeros: an input need not bring them. */
    while (form->size > bytes.size && buf_add_byte(&bytes, 0)) {
    }
    if (sealed && bytes.size > 0) {
        seal(form, bytes.data, bytes.size);
    }
    form->check(buf_slice(&bytes));
    buf_done(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    uint8_t letter = fuzz_take_byte(&input);
    bool sealed = letter >= 'A' && letter <= 'Z';

    letter = (uint8_t)(sealed ? letter + ('a' - 'A') : letter);
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        if (forms[i].letter == (char)letter) {
            try_form(&forms[i], input, sealed);
            return 0;
        }
    }
    check_entry(input);
    return 0;
}
