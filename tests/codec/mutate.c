/* Mutation test of the codec: see mutate.h. The oracle: whatever a reader accepts, written and read
 * again, must give the same bytes; JSON is accepted only if yyjson accepts it; raw values stay
 * valid JSON. */
#include "tests/codec/mutate.h"

#include "base/arena.h"
#include "base/buf.h"
#include "wire/json.h"
#include "wire/protobuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

#define ROUNDS 60000
#define ACCEPTED_MIN (ROUNDS / 50)
#define BYTES_MAX ((size_t)1 << 20)
#define RECORD_SIZE_MAX 4096
#define INPUT_MAX 4096

enum form { FORM_PROTO, FORM_REST, FORM_RPC, FORM_COUNT };

static const char *const form_names[] = {"proto", "rest", "rpc"};

/* What the seeds are: in both dialects these keys are accepted. */
static const char document[] =
    "{\"flag\":true,\"i32\":-7,\"i64\":-9007199254740993,\"u32\":4294967295,\"u64\":"
    "18446744073709551615,"
    "\"time\":\"2026-11-23T20:25:41.251283333Z\",\"timestamp\":\"1999-12-31T23:59:59+01:00\","
    "\"duration\":\"1h30m\",\"duration_text\":\"1.5s\",\"money\":12.5,\"money_double\":-0."
    "000000001,"
    "\"word\":\"low\",\"word_text\":\"HIGH\",\"word_number\":4,\"text\":"
    "\"a\\u00e4\\ud83d\\ude00\\n\","
    "\"bytes\":\"AAEC/"
    "w==\",\"inner\":{\"name\":\"n\",\"next\":{\"count\":2,\"texts\":[\"x\",\"y\"]}},"
    "\"map\":{\"k\":{\"count\":1},\"l\":{}},\"opt_flag\":false,\"opt_i32\":0,\"opt_text\":\"\","
    "\"flags\":[true,false],\"i32s\":[1,-1],\"i64s\":[5,6],\"times\":[\"1970-01-01T00:00:01Z\"],"
    "\"durations\":[\"1ms\",\"2w\"],\"moneys\":[1,2.25],\"words\":[\"none\",\"low\"],"
    "\"word_texts\":[\"low\"],\"texts\":[\"\",\"\xc3\xa4\"],\"blobs\":[\"\",\"AQ==\"],"
    "\"inners\":[{\"name\":\"a\"},{}],\"json\":{\"b\": [1e5, \"a b\"]},"
    "\"jsons\":[null,\" x \",{\"a\" : -0.50}],\"unknown\":[{\"deep\":[[[null]]]}]}";

/* Pieces that parsers stumble over. */
static const char *const pieces[] = {
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "1e999",
    "-",
    "0.",
    "\\u",
    "\\ud800",
    "\xff",
    "\xc3",
    "true",
    "\"\"",
    " ",
    "99999999999999999999",
    "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
    "\x0b",
    "\x0c",
    "\"text\":\"x\",",
    "/**/",
    "\xef\xbb\xbf",
};

struct trial {
    const struct message *message;
    enum form form;
    struct arena arena;
    struct buf first;
    struct buf second;
    uint32_t accepted; /* Mutations that a reader took. */
};

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static enum err_code read_form(struct trial *trial, struct slice bytes, void *ret_record)
{
    struct err err;

    if (trial->form == FORM_PROTO) {
        return protobuf_read(trial->message, bytes, &trial->arena, ret_record, &err);
    }
    return json_read(trial->message, trial->form == FORM_RPC ? JSON_RPC : JSON_REST, bytes,
                     &trial->arena, ret_record, &err);
}

static void write_form(struct trial *trial, const void *record, struct buf *buf)
{
    buf_clear(buf);
    if (trial->form == FORM_PROTO) {
        protobuf_write(trial->message, record, buf);
    } else {
        json_write(trial->message, trial->form == FORM_RPC ? JSON_RPC : JSON_REST, record, buf);
    }
}

static bool is_json(struct slice bytes)
{
    yyjson_doc *doc = yyjson_read((const char *)bytes.data, bytes.size, YYJSON_READ_NUMBER_AS_RAW);

    yyjson_doc_free(doc);
    return doc != NULL;
}

/* NULL, or what went wrong. */
static const char *run_trial(struct trial *trial, struct slice bytes)
{
    static _Alignas(16) uint8_t record[RECORD_SIZE_MAX];
    struct slice first;

    assert(trial->message->size <= sizeof(record));
    arena_clear(&trial->arena);
    if (read_form(trial, bytes, record)) {
        return NULL; /* Refused: fine, as long as nothing crashed. */
    }
    trial->accepted++;
    if (trial->form != FORM_PROTO && !is_json(bytes)) {
        return "accepted what is not JSON";
    }
    write_form(trial, record, &trial->first);
    first = buf_slice(&trial->first);
    if (trial->form != FORM_PROTO && !is_json(first)) {
        return "wrote what is not JSON";
    }
    if (read_form(trial, first, record)) {
        return "does not read what it wrote";
    }
    write_form(trial, record, &trial->second);
    return slice_equal(first, buf_slice(&trial->second)) ? NULL : "does not come round";
}

static size_t replace(uint8_t *bytes, size_t size, size_t at, struct slice piece)
{
    size_t end = at + piece.size;

    if (end > INPUT_MAX) {
        return size;
    }
    memcpy(bytes + at, piece.data, piece.size);
    return end > size ? end : size;
}

static size_t insert(uint8_t *bytes, size_t size, size_t at, struct slice piece)
{
    if (size + piece.size > INPUT_MAX) {
        return size;
    }
    memmove(bytes + at + piece.size, bytes + at, size - at);
    memcpy(bytes + at, piece.data, piece.size);
    return size + piece.size;
}

/* One small change; returns the new size. */
static size_t mutate(uint8_t *bytes, size_t size, uint64_t *state)
{
    size_t at = (size_t)(next_random(state) % (size + 1));
    size_t from = (size_t)(next_random(state) % (size + 1));
    size_t length = (size_t)(next_random(state) % 32);
    struct slice piece = slice_text(pieces[next_random(state) % ARRAY_COUNT(pieces)]);
    uint8_t copy[32];

    length = length < size - from ? length : size - from;
    switch (next_random(state) % 6) {
    case 0:
        return at; /* Cut short. */
    case 1:
        if (at < size) {
            bytes[at] ^= (uint8_t)(1u << (next_random(state) % 8));
        }
        return size;
    case 2:
        return insert(bytes, size, at, piece);
    case 3:
        return replace(bytes, size, at, piece);
    case 4:
        memcpy(copy, bytes + from, length);
        return insert(bytes, size, at, slice_of(copy, length));
    default:
        memmove(bytes + from, bytes + from + length, size - from - length);
        return size - length;
    }
}

static bool run_form(struct trial *trial, struct slice seed, uint64_t *state)
{
    static uint8_t bytes[INPUT_MAX];
    const char *why = run_trial(trial, seed);

    assert(seed.size <= sizeof(bytes));
    trial->accepted = 0;
    for (uint32_t i = 0; !why && i < ROUNDS; i++) {
        size_t size = seed.size;

        memcpy(bytes, seed.data, seed.size);
        for (uint64_t changes = next_random(state) % 4 + 1; changes > 0; changes--) {
            size = mutate(bytes, size, state);
        }
        why = run_trial(trial, slice_of(bytes, size));
        if (why) {
            printf("%s, mutation %" PRIu32 ": %s:\n%.*s\n", form_names[trial->form], i, why,
                   (int)size, (const char *)bytes);
        }
    }
    if (!why && trial->accepted < ACCEPTED_MIN) {
        why = "too few mutations are accepted for a test";
        printf("%s: %s: %" PRIu32 "\n", form_names[trial->form], why, trial->accepted);
    }
    return !why;
}

bool mutate_all(const struct message *message)
{
    struct trial trial = {.message = message, .form = FORM_REST};
    static _Alignas(16) uint8_t record[RECORD_SIZE_MAX];
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    uint32_t failed = 0;
    struct buf seed;

    arena_init(&trial.arena, BYTES_MAX);
    buf_init(&trial.first, BYTES_MAX);
    buf_init(&trial.second, BYTES_MAX);
    buf_init(&seed, BYTES_MAX);
    for (uint32_t form = 0; form < FORM_COUNT; form++) {
        trial.form = FORM_REST;
        arena_clear(&trial.arena);
        if (read_form(&trial, slice_text(document), record)) {
            printf("the seed document does not read\n");
            failed++;
            continue;
        }
        trial.form = (enum form)form;
        write_form(&trial, record, &seed);
        failed += !run_form(&trial, buf_slice(&seed), &state);
    }
    buf_done(&seed);
    buf_done(&trial.second);
    buf_done(&trial.first);
    arena_done(&trial.arena);
    printf("%" PRIu32 " passed, %" PRIu32 " failed\n", FORM_COUNT - failed, failed);
    return failed == 0;
}
