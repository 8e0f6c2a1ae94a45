/* Fuzz target: the protobuf form. The first byte says what the rest is: an operation's code, its
 * request; with 128 more, its reply; R or p, a message with a field of each kind (R) or of proto3's
 * kinds (p); anything else, an operation's head. */
#include "core/entry.h"
#include "fuzz/codec.h"
#include "fuzz/fuzz.h"
#include "tests/codec/sample.h"

#define REPLY_BIT 0x80u

static const struct message *message_of(uint8_t selector)
{
    const struct op_spec *spec = op_find(selector & ~REPLY_BIT);

    if (selector == 'R') {
        return &sample_every;
    }
    if (selector == 'p') {
        return &sample_rpc;
    }
    if (!spec) {
        return &op_head_message;
    }
    return selector & REPLY_BIT ? spec->reply : spec->request;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    const struct message *message = message_of(fuzz_take_byte(&input));
    struct codec codec;
    const char *why;

    codec_init(&codec);
    why = codec_try(&codec, message, CODEC_PROTO, input);
    codec_done(&codec);
    fuzz_expect(!why, "%s: %s (%s)", message->name, why ? why : "", codec.err.text);
    return 0;
}
