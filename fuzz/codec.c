/* The oracle of the codec: see codec.h. */
#include "fuzz/codec.h"

#include "base/common.h"
#include "wire/json.h"
#include "wire/protobuf.h"

#include <yyjson.h>

#define BYTES_MAX ((size_t)1 << 22)
#define NESTING_MAX 8 /* Of messages, when looking for fields that have no tag. */

void codec_init(struct codec *codec)
{
    arena_init(&codec->arena, BYTES_MAX);
    buf_init(&codec->first, BYTES_MAX);
    buf_init(&codec->second, BYTES_MAX);
    buf_init(&codec->other, BYTES_MAX);
    codec->accepted = false;
    codec->err.text[0] = '\0';
}

void codec_done(struct codec *codec)
{
    arena_done(&codec->arena);
    buf_done(&codec->first);
    buf_done(&codec->second);
    buf_done(&codec->other);
}

static enum err_code read_form(struct codec *codec, const struct message *message,
                               enum codec_form form, struct slice bytes, void *ret_record)
{
    struct err *err = &codec->err;

    assert(message->size <= CODEC_RECORD_MAX);
    if (form == CODEC_PROTO) {
        return protobuf_read(message, bytes, &codec->arena, ret_record, err);
    }
    return json_read(message, form == CODEC_RPC ? JSON_RPC : JSON_REST, bytes, &codec->arena,
                     ret_record, err);
}

static void write_form(const struct message *message, enum codec_form form, const void *record,
                       struct buf *ret_buf)
{
    buf_clear(ret_buf);
    if (form == CODEC_PROTO) {
        protobuf_write(message, record, ret_buf);
    } else {
        json_write(message, form == CODEC_RPC ? JSON_RPC : JSON_REST, record, ret_buf);
    }
    assert(!ret_buf->failed);
}

static bool is_json(struct slice bytes)
{
    yyjson_doc *doc = yyjson_read((const char *)bytes.data, bytes.size, YYJSON_READ_NUMBER_AS_RAW);

    yyjson_doc_free(doc);
    return doc != NULL;
}

/* True when every field of the message has a place in the protobuf form. */
static bool has_all_tags(const struct message *message, uint32_t depth)
{
    for (uint32_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];

        if (field->flags & (FIELD_IGNORED | FIELD_UNSUPPORTED)) {
            continue;
        }
        if (field->tag == 0 || (field->sub && depth > 0 && !has_all_tags(field->sub, depth - 1))) {
            return false;
        }
    }
    return true;
}

/* True when the message has a number that protobuf carries with less precision than JSON. */
static bool has_doubles(const struct message *message)
{
    for (uint32_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].kind == FIELD_MONEY_DOUBLE) {
            return true;
        }
    }
    return false;
}

/* Takes the record through protobuf and writes it as JSON into codec->second. */
static const char *pass_proto(struct codec *codec, const struct message *message,
                              enum codec_form form, void *record)
{
    struct slice bytes = slice_of(NULL, 0);

    write_form(message, CODEC_PROTO, record, &codec->other);
    /* The record will borrow from the bytes: they must stay when the buffer is used again. */
    if (!arena_copy(&codec->arena, buf_slice(&codec->other), &bytes) ||
        read_form(codec, message, CODEC_PROTO, bytes, record)) {
        return "the protobuf form of what JSON gave does not read";
    }
    write_form(message, CODEC_PROTO, record, &codec->second);
    if (!slice_equal(buf_slice(&codec->other), buf_slice(&codec->second))) {
        return "the protobuf form of what JSON gave does not come round";
    }
    if (has_all_tags(message, NESTING_MAX) && message_check(message, record, &codec->err)) {
        return "what the JSON reader accepts, message_check refuses";
    }
    write_form(message, form, record, &codec->second);
    return NULL;
}

/* What was JSON, the text in codec->first, through protobuf. */
static const char *json_through_proto(struct codec *codec, const struct message *message,
                                      enum codec_form form, void *record)
{
    const char *why = pass_proto(codec, message, form, record);

    if (!why && has_doubles(message)) {
        /* It may be rounded the first time, not the second. */
        buf_clear(&codec->first);
        (void)buf_add_slice(&codec->first, buf_slice(&codec->second));
        why = pass_proto(codec, message, form, record);
    }
    if (why || !has_all_tags(message, NESTING_MAX) ||
        slice_equal(buf_slice(&codec->first), buf_slice(&codec->second))) {
        return why;
    }
    return "JSON through protobuf is other JSON";
}

/* What was protobuf, through JSON. The bytes of raw JSON are compacted on the way, so protobuf is
 * compared from then on. */
static const char *proto_through_json(struct codec *codec, const struct message *message,
                                      enum codec_form form, struct slice bytes, void *record)
{
    if (!has_all_tags(message, NESTING_MAX) ||
        read_form(codec, message, CODEC_PROTO, bytes, record) ||
        message_check(message, record, &codec->err)) {
        return NULL; /* Not what the API would let in. */
    }
    write_form(message, form, record, &codec->first);
    if (!is_json(buf_slice(&codec->first))) {
        return "wrote what is not JSON";
    }
    if (read_form(codec, message, form, buf_slice(&codec->first), record)) {
        return "the JSON of what protobuf gave does not read";
    }
    return json_through_proto(codec, message, form, record);
}

const char *codec_try(struct codec *codec, const struct message *message, enum codec_form form,
                      struct slice bytes)
{
    static _Alignas(16) uint8_t record[CODEC_RECORD_MAX];
    struct slice first;
    const char *why;

    arena_clear(&codec->arena);
    codec->err.text[0] = '\0';
    codec->accepted = !read_form(codec, message, form, bytes, record);
    if (!codec->accepted) {
        return NULL;
    }
    if (form != CODEC_PROTO && !is_json(bytes)) {
        return "accepted what is not JSON";
    }
    write_form(message, form, record, &codec->first);
    first = buf_slice(&codec->first);
    if (form != CODEC_PROTO && !is_json(first)) {
        return "wrote what is not JSON";
    }
    if (read_form(codec, message, form, first, record)) {
        return "does not read what it wrote";
    }
    write_form(message, form, record, &codec->second);
    if (!slice_equal(first, buf_slice(&codec->second))) {
        return "does not come round";
    }
    if (form != CODEC_PROTO) {
        return json_through_proto(codec, message, form, record);
    }
    why = proto_through_json(codec, message, CODEC_REST, bytes, record);
    return why ? why : proto_through_json(codec, message, CODEC_RPC, bytes, record);
}
