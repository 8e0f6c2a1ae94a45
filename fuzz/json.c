/* Fuzz target: JSON. The first byte says what the rest is:
 *
 *   an operation's code        its request in REST JSON; with 128 more, in RPC JSON
 *   R, P, p                    a message with a field of each kind: REST, RPC, RPC of proto3's
 * kinds anything else              any JSON, through the scanner and the splicer
 *
 * A request that is accepted also goes through a log entry. */
#include "wire/json.h"

#include "core/entry.h"
#include "fuzz/codec.h"
#include "fuzz/fuzz.h"
#include "tests/codec/sample.h"
#include "wire/protobuf.h"

#include <stdlib.h>

#define BYTES_MAX ((size_t)1 << 22)
#define RPC_BIT 0x80u

static void try_message(const struct message *message, enum codec_form form, struct slice bytes)
{
    struct codec codec;
    const char *why;

    codec_init(&codec);
    why = codec_try(&codec, message, form, bytes);
    codec_done(&codec);
    fuzz_expect(!why, "%s, form %d: %s (%s)", message->name, (int)form, why ? why : "",
                codec.err.text);
}

/* The request as an operation of an entry is the request. */
static void check_entry(const struct op_spec *spec, const void *request, struct arena *arena)
{
    struct op_head head = {.source = slice_text("127.0.0.1:1"), .unit = 7};
    const struct op_spec *found = NULL;
    void *again = NULL;
    struct op_head head_again;
    struct entry entry;
    struct err err;
    struct buf buf;
    struct buf want;
    struct buf have;

    buf_init(&buf, BYTES_MAX);
    buf_init(&want, BYTES_MAX);
    buf_init(&have, BYTES_MAX);
    fuzz_expect(entry_add(&buf, spec, &head, request) && entry_seal(&buf, 12345, 678),
                "an entry takes no %s", spec->name);
    fuzz_expect(entry_open(buf_slice(&buf), &entry, &err) == ERR_NONE && entry.count == 1 &&
                    entry.now_ns == 12345 && entry.seed == 678,
                "an entry of one %s does not open: %s", spec->name, err.text);
    fuzz_expect(entry_next(&entry, arena, &found, &head_again, &again, &err) == ERR_NONE &&
                    found == spec && entry.rest.size == 0,
                "an entry's %s does not read: %s", spec->name, err.text);
    protobuf_write(spec->request, request, &want);
    protobuf_write(spec->request, again, &have);
    fuzz_expect(slice_equal(buf_slice(&want), buf_slice(&have)), "an entry's %s is another one",
                spec->name);
    fuzz_expect(slice_equal(head.source, head_again.source) && head_again.unit == head.unit,
                "an entry's head is another one");
    buf_done(&have);
    buf_done(&want);
    buf_done(&buf);
}

static void try_request(const struct op_spec *spec, enum json_dialect dialect, struct slice bytes)
{
    struct arena arena;
    struct err err;
    void *request;

    try_message(spec->request, dialect == JSON_RPC ? CODEC_RPC : CODEC_REST, bytes);
    arena_init(&arena, BYTES_MAX);
    request = arena_alloc(&arena, spec->request->size);
    fuzz_expect(request != NULL, "no memory");
    if (!json_read(spec->request, dialect, bytes, &arena, request, &err)) {
        check_entry(spec, request, &arena);
    } else {
        fuzz_expect(err.code != ERR_NONE && err.text[0] != '\0', "a refusal without a reason");
    }
    arena_done(&arena);
}

static enum err_code count_member(void *context, struct slice key, struct slice value,
                                  struct err *err)
{
    uint32_t *count = context;

    (void)key;
    (void)err;
    fuzz_expect(json_type_of(value) != JSON_BAD, "a member's value is no value");
    ++*count;
    return ERR_NONE;
}

/* Any JSON value, compacted, is of the same type, compact, and has as many members. */
static void try_value(struct slice bytes)
{
    enum json_type type = json_type_of(bytes);
    uint32_t counts[2] = {0};
    struct arena arena;
    struct buf once;
    struct buf twice;
    struct err err;

    if (type == JSON_BAD) {
        return;
    }
    arena_init(&arena, BYTES_MAX);
    buf_init(&once, BYTES_MAX);
    buf_init(&twice, BYTES_MAX);
    json_write_compact(&once, bytes);
    json_write_compact(&twice, buf_slice(&once));
    fuzz_expect(slice_equal(buf_slice(&once), buf_slice(&twice)), "compact JSON gets more compact");
    fuzz_expect(json_type_of(buf_slice(&once)) == type, "compact JSON is of another type");
    if (type == JSON_OBJECT) {
        fuzz_expect(!json_each_member(bytes, &arena, count_member, &counts[0], &err) &&
                        !json_each_member(buf_slice(&once), &arena, count_member, &counts[1], &err),
                    "an object's members do not read: %s", err.text);
        fuzz_expect(counts[0] == counts[1], "compact JSON has other members");
    }
    buf_done(&twice);
    buf_done(&once);
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    uint8_t selector = fuzz_take_byte(&input);
    const struct op_spec *spec = op_find(selector & ~RPC_BIT);

    if (selector == 'R') {
        try_message(&sample_every, CODEC_REST, input);
    } else if (selector == 'P') {
        try_message(&sample_every, CODEC_RPC, input);
    } else if (selector == 'p') {
        try_message(&sample_rpc, CODEC_RPC, input);
    } else if (spec) {
        try_request(spec, selector & RPC_BIT ? JSON_RPC : JSON_REST, input);
    } else {
        try_value(input);
    }
    return 0;
}
