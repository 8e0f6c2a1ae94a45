/* The bytes of log entries: see entry.h. */
#include "core/entry.h"

#include "base/limits.h"
#include "wire/protobuf.h"

#define OP_HEADER_SIZE 12

#define ROW(tag_, kind_, name_)                                                                    \
    {.name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct op_head, name_)}

static const struct field head_fields[] = {
    ROW(1, FIELD_TEXT, namespace),    ROW(2, FIELD_TEXT, principal),   ROW(3, FIELD_TEXT, source),
    ROW(4, FIELD_BYTES, idempotency), ROW(5, FIELD_TEXT, traceparent), ROW(6, FIELD_U32, unit),
    ROW(7, FIELD_BYTES, fingerprint), ROW(8, FIELD_U32, call),         ROW(9, FIELD_BOOL, list),
};

#undef ROW

const struct message op_head_message = {
    .name = "OpHead",
    .fields = head_fields,
    .field_count = ARRAY_COUNT(head_fields),
    .size = sizeof(struct op_head),
};

static void put_number(uint8_t *bytes, uint64_t number, uint32_t size)
{
    for (uint32_t i = size; i > 0; i--) {
        bytes[i - 1] = (uint8_t)number;
        number >>= 8;
    }
}

static uint64_t get_number(const uint8_t *bytes, uint32_t size)
{
    uint64_t number = 0;

    for (uint32_t i = 0; i < size; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

bool entry_add(struct buf *buf, const struct op_spec *spec, const struct op_head *head,
               const void *request)
{
    static const struct op_head no_head;
    uint8_t header[OP_HEADER_SIZE] = {0};
    size_t start = buf->size;
    size_t head_end = start;

    if (buf_add(buf, header, sizeof(header))) {
        protobuf_write(&op_head_message, head ? head : &no_head, buf);
        head_end = buf->size;
        protobuf_write(spec->request, request, buf);
    }
    if (buf->failed) {
        buf->size = start;
        buf->failed = false;
        return false;
    }
    put_number(buf->data + start, spec->code, 4);
    put_number(buf->data + start + 4, head_end - start - OP_HEADER_SIZE, 4);
    put_number(buf->data + start + 8, buf->size - head_end, 4);
    return true;
}

/* The operations are counted again, so that builders need not carry a count beside the bytes. */
static uint32_t count_ops(struct slice bytes)
{
    uint32_t count = 0;

    while (bytes.size > 0) {
        size_t head_size = get_number(bytes.data + 4, 4);
        size_t request_size = get_number(bytes.data + 8, 4);

        bytes = slice_from(bytes, OP_HEADER_SIZE + head_size + request_size);
        count++;
    }
    return count;
}

bool entry_seal(struct buf *buf, uint64_t now_ns, uint64_t seed)
{
    uint8_t trailer[ENTRY_TRAILER_SIZE];

    put_number(trailer, now_ns, 8);
    put_number(trailer + 8, seed, 8);
    put_number(trailer + 16, count_ops(buf_slice(buf)), 4);
    put_number(trailer + 20, ENTRY_FORMAT, 4);
    return buf_add(buf, trailer, sizeof(trailer));
}

enum err_code entry_open(struct slice bytes, struct entry *ret_entry, struct err *err)
{
    const uint8_t *trailer;
    uint32_t format;

    if (bytes.size < ENTRY_TRAILER_SIZE) {
        return err_set(err, ERR_CORRUPT, "an entry of %zu bytes has no trailer", bytes.size);
    }
    trailer = bytes.data + bytes.size - ENTRY_TRAILER_SIZE;
    format = (uint32_t)get_number(trailer + 20, 4);
    if (format != ENTRY_FORMAT) {
        return err_set(err, ERR_CORRUPT, "an entry has format %u, not %d", format, ENTRY_FORMAT);
    }
    *ret_entry = (struct entry){
        .now_ns = get_number(trailer, 8),
        .seed = get_number(trailer + 8, 8),
        .count = (uint32_t)get_number(trailer + 16, 4),
        .rest = slice_of(bytes.data, bytes.size - ENTRY_TRAILER_SIZE),
    };
    if (ret_entry->count > ENQUEUE_BATCH_MAX ||
        ret_entry->rest.size < (size_t)ret_entry->count * OP_HEADER_SIZE) {
        return err_set(err, ERR_CORRUPT, "an entry claims %u operations", ret_entry->count);
    }
    return ERR_NONE;
}

/* Takes `size` bytes off the front; false when there are fewer. */
static bool take(struct entry *entry, size_t size, struct slice *ret_bytes)
{
    if (size > entry->rest.size) {
        return false;
    }
    *ret_bytes = slice_of(entry->rest.data, size);
    entry->rest = slice_of(entry->rest.data + size, entry->rest.size - size);
    return true;
}

static enum err_code read_part(const struct message *message, struct slice bytes,
                               struct arena *arena, void *ret_record, struct err *err)
{
    enum err_code code = protobuf_read(message, bytes, arena, ret_record, err);

    if (code == ERR_NONE || code == ERR_NOMEM) {
        return code;
    }
    return err_set(err, ERR_CORRUPT, "an operation's %s does not decode", message->name);
}

enum err_code entry_next(struct entry *entry, struct arena *arena, const struct op_spec **ret_spec,
                         struct op_head *ret_head, void **ret_request, struct err *err)
{
    const struct op_spec *spec;
    struct slice header;
    struct slice head;
    struct slice bytes;
    void *request;

    if (!take(entry, OP_HEADER_SIZE, &header) ||
        !take(entry, get_number(header.data + 4, 4), &head) ||
        !take(entry, get_number(header.data + 8, 4), &bytes)) {
        return err_set(err, ERR_CORRUPT, "an entry ends within an operation");
    }
    spec = op_find((uint32_t)get_number(header.data, 4));
    if (!spec) {
        return err_set(err, ERR_CORRUPT, "operation %u is not known to this version",
                       (unsigned)get_number(header.data, 4));
    }
    request = arena_alloc(arena, spec->request->size);
    if (!request) {
        return err_set(err, ERR_NOMEM, "the entry needs more memory than an entry may use");
    }
    if (read_part(&op_head_message, head, arena, ret_head, err) != ERR_NONE ||
        read_part(spec->request, bytes, arena, request, err) != ERR_NONE) {
        return err->code;
    }
    *ret_spec = spec;
    *ret_request = request;
    return ERR_NONE;
}
