/* Mutation test of the codec, see mutate.h: the same inputs each time, from one rich document. The
 * oracle is that of the fuzzers, fuzz/codec.h. */
#include "tests/codec/mutate.h"

#include "base/common.h"
#include "fuzz/codec.h"
#include "fuzz/dictionary.h"
#include "fuzz/mutate.h"
#include "wire/json.h"
#include "wire/protobuf.h"

#include <inttypes.h>
#include <stdio.h>

#define ROUNDS 60000
#define ACCEPTED_MIN (ROUNDS / 50)
#define WORDS_MAX ((size_t)1 << 16)
#define INPUT_MAX 4096

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

/* The document in that form; an empty slice when it does not read. */
static struct slice seed_of(const struct message *message, enum codec_form form, struct buf *buf)
{
    static _Alignas(16) uint8_t record[CODEC_RECORD_MAX];
    struct arena arena;
    struct err err;

    assert(message->size <= sizeof(record));
    arena_init(&arena, INPUT_MAX * 16);
    buf_clear(buf);
    if (!json_read(message, JSON_REST, slice_text(document), &arena, record, &err)) {
        if (form == CODEC_PROTO) {
            protobuf_write(message, record, buf);
        } else {
            json_write(message, form == CODEC_RPC ? JSON_RPC : JSON_REST, record, buf);
        }
    }
    arena_done(&arena);
    return buf_slice(buf);
}

/* One mutation of the seed after the other; NULL, or what went wrong. */
static const char *run_form(struct codec *codec, const struct message *message,
                            enum codec_form form, struct slice seed, struct mutator *mutator)
{
    static uint8_t bytes[INPUT_MAX];
    const char *why = codec_try(codec, message, form, seed);
    uint32_t accepted = 0;

    if (!why && !codec->accepted) {
        return "the seed document does not read";
    }
    for (uint32_t i = 0; !why && i < ROUNDS; i++) {
        size_t size = seed.size;

        memcpy(bytes, seed.data, seed.size);
        for (uint64_t changes = mutate_random(mutator, 4) + 1; changes > 0; changes--) {
            size = mutate(mutator, bytes, size, sizeof(bytes));
        }
        why = codec_try(codec, message, form, slice_of(bytes, size));
        accepted += codec->accepted;
        if (why) {
            printf("mutation %" PRIu32 " (%s):\n%.*s\n", i, codec->err.text, (int)size,
                   (const char *)bytes);
        }
    }
    if (!why && accepted < ACCEPTED_MIN) {
        printf("%" PRIu32 " of %d\n", accepted, ROUNDS);
        why = "too few mutations are accepted for a test";
    }
    return why;
}

bool mutate_all(const struct message *message)
{
    static struct dictionary dictionary;
    struct mutator mutator = {.state = UINT64_C(0x9e3779b97f4a7c15)};
    struct err err = {.code = ERR_NONE};
    uint32_t failed = 0;
    struct codec codec;
    struct arena words;
    struct buf buf;

    codec_init(&codec);
    arena_init(&words, WORDS_MAX);
    buf_init(&buf, INPUT_MAX);
    if (dictionary_read("fuzz/dict/json.dict", &words, &dictionary, &err)) {
        printf("%s\n", err.text);
        failed++;
    }
    mutator.words = dictionary.words;
    mutator.word_count = dictionary.count;
    for (enum codec_form form = CODEC_PROTO; form < CODEC_FORM_COUNT; form++) {
        struct slice seed = seed_of(message, form, &buf);
        const char *why = run_form(&codec, message, form, seed, &mutator);

        if (why) {
            printf("%s: %s\n", form_names[form], why);
            failed++;
        }
    }
    buf_done(&buf);
    arena_done(&words);
    codec_done(&codec);
    printf("%" PRIu32 " passed, %" PRIu32 " failed\n", CODEC_FORM_COUNT - failed, failed);
    return failed == 0;
}
