/* Request bodies into records, and numbers of queries. */
#include "api/api_internal.h"
#include "wire/json.h"

static struct slice trimmed(struct slice body)
{
    while (body.size > 0 && (body.data[0] == ' ' || body.data[0] == '\t' || body.data[0] == '\r' ||
                             body.data[0] == '\n')) {
        body = slice_from(body, 1);
    }
    return body;
}

static enum err_code read_empty(const struct message *message, struct arena *arena,
                                void *ret_record, struct err *err)
{
    return json_read(message, JSON_REST, slice_text("{}"), arena, ret_record, err);
}

enum err_code body_read(struct call *call, const struct message *message, void *ret_record,
                        struct err *err)
{
    struct arena *arena = call->input->arena;
    enum route_body kind = call->route->body;
    struct slice body = trimmed(call->input->body);

    if (kind == BODY_NONE || (kind != BODY_REQUIRED && body.size == 0)) {
        return read_empty(message, arena, ret_record, err);
    }
    if (body.size == 0) {
        return err_reply(err, REPLY_PARSE_ERROR, "the body is empty, it must be a JSON object");
    }
    if (json_read(message, JSON_REST, call->input->body, arena, ret_record, err)) {
        if (kind == BODY_LENIENT && err->reply == REPLY_PARSE_ERROR) {
            return read_empty(message, arena, ret_record, err);
        }
        return err->code;
    }
    return ERR_NONE;
}

void *record_create(struct call *call, const struct message *message, struct err *err)
{
    void *record = arena_alloc(call->input->arena, message->size);

    if (!record) {
        (void)err_set(err, ERR_NOMEM, "no memory for the request");
    }
    return record;
}

bool payload_fits(const struct api *api, struct slice payload, struct err *err)
{
    uint64_t max = api->options.max_payload_size;

    if (max && payload.size > max) {
        (void)err_reply(err, REPLY_PAYLOAD_TOO_LARGE,
                        "the payload has %zu bytes, at most %llu are "
                        "allowed",
                        payload.size, (unsigned long long)max);
        return false;
    }
    return true;
}

enum err_code query_number(struct slice text, const char *name, uint64_t max,
                           uint64_t value_default, uint64_t *ret_value, struct err *err)
{
    uint64_t value = 0;
    bool good = text.size > 0;

    *ret_value = value_default;
    if (!text.data) {
        return ERR_NONE;
    }
    for (size_t i = 0; i < text.size && good; i++) {
        uint64_t digit = (uint64_t)text.data[i] - '0';

        good = digit <= 9 && !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_add_overflow(value, digit, &value) && value <= max;
    }
    if (!good) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "%s must be a number from 0 to %llu", name,
                         (unsigned long long)max);
    }
    *ret_value = value;
    return ERR_NONE;
}
