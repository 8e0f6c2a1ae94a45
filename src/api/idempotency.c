/* Idempotency-Key (A4): the header into the bytes by which core knows a request again.
 *
 * The scope of a key is principal, namespace, method and path; the fingerprint is of method, path
 * with query, and body. Both are SHA-256. */
#include "api/api_internal.h"
#include "base/sha256.h"

static const char header_name[] = "Idempotency-Key";

static enum err_code check_key(const struct call *call, struct slice key, struct err *err)
{
    if (call->route->flags & ROUTE_NO_KEY) {
        return err_reply(err, REPLY_VALIDATION_ERROR,
                         "%s is not taken here: this is safe to repeat without", header_name);
    }
    if (key.size == 0 || key.size > IDEMPOTENCY_KEY_MAX) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "%s must have 1 to %d characters, not %zu",
                         header_name, IDEMPOTENCY_KEY_MAX, key.size);
    }
    for (size_t i = 0; i < key.size; i++) {
        if (key.data[i] <= ' ' || key.data[i] > '~') {
            return err_reply(err, REPLY_VALIDATION_ERROR, "%s must be visible ASCII", header_name);
        }
    }
    return ERR_NONE;
}

/* The hash's first `size` bytes in the request's arena. */
static enum err_code hash_into(struct call *call, const struct slice *parts, uint32_t count,
                               size_t size, struct slice *ret_hash, struct err *err)
{
    uint8_t hash[SHA256_SIZE];

    if (!sha256_parts(parts, count, hash) ||
        !arena_copy(call->input->arena, slice_of(hash, size), ret_hash)) {
        return err_set(err, ERR_NOMEM, "no memory for the request's hash");
    }
    return ERR_NONE;
}

/* Core knows the request again by the hash of its key in its scope, and tells it from others by the
 * hash of all of it. */
static enum err_code mark(struct call *call, struct slice key, struct err *err)
{
    const struct http_input *input = call->input;
    struct op_head *head = &call->head;
    struct slice method = slice_text(method_name(call->route->method));
    struct slice scope[] = {head->principal, head->namespace, method, input->path, key};
    struct slice whole[] = {method, input->path, input->query, input->body};

    if (hash_into(call, scope, ARRAY_COUNT(scope), KEPT_KEY_MAX, &head->idempotency, err)) {
        return err->code;
    }
    return hash_into(call, whole, ARRAY_COUNT(whole), SHA256_SIZE, &head->fingerprint, err);
}

enum err_code idempotency_read(struct call *call, struct err *err)
{
    struct slice key = http_header_find(call->input, header_name);

    if (http_header_count(call->input, header_name) == 0) {
        return ERR_NONE;
    }
    return check_key(call, key, err) ? err->code : mark(call, key, err);
}
