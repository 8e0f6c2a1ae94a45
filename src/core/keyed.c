/* Keyed requests: see keyed.h. */
#include "core/keyed.h"

#include "base/reply.h"
#include "core/ops.h"

/* --- A request begins ----------------------------------------------------------------------------
 */

static bool read_record(struct tx *tx, struct slice value, struct kept_row *ret_row)
{
    struct err err;

    if (protobuf_read(&kept_row_message, value, tx->arena, ret_row, &err) != ERR_NONE) {
        (void)tx_fail(tx, ERR_CORRUPT, "a kept outcome does not decode");
        return false;
    }
    return true;
}

static void refuse(struct keyed *keyed, enum reply_code code, const char *text)
{
    keyed->fate = KEYED_REFUSED;
    (void)err_reply(&keyed->err, code, "%s", text);
}

/* A record that is over counts as none, whether or not the sweep has come to it. */
static void meet_record(struct tx *tx, struct keyed *keyed, struct slice value)
{
    if (!read_record(tx, value, &keyed->row)) {
        return;
    }
    if (kept_is_over(tx, keyed->row.at_ns)) {
        keyed->old = value;
    } else if (slice_equal(keyed->row.fingerprint, keyed->head->fingerprint)) {
        keyed->fate = KEYED_AGAIN;
    } else {
        refuse(keyed, REPLY_IDEMPOTENCY_MISMATCH,
               "the Idempotency-Key was used for another request");
    }
}

void keyed_begin(struct tx *tx, const struct op_head *head, uint32_t first, struct keyed *keyed)
{
    struct slice value;
    struct row_key key;

    *keyed = (struct keyed){.head = head, .first = first};
    if (head->call == 0 || head->idempotency.size == 0 || head->idempotency.size > KEPT_KEY_MAX) {
        return;
    }
    keyed->number = head->call;
    tx->in_unit = false;
    key = kept_row_key(head->idempotency);
    value = tx_get(tx, TABLE_KEPT, &key);
    if (value.data) {
        meet_record(tx, keyed, value);
    } else if (!kept_make_room(tx)) {
        refuse(keyed, REPLY_OVERLOADED, "too many outcomes of keyed requests are kept");
    }
    keyed->savepoint = tx_savepoint(tx);
}

/* --- A request is answered again ----------------------------------------------------------------
 */

static void answer_refused(const struct kept_result *kept, struct op_result *ret_result)
{
    enum reply_code code = reply_find(kept->code);

    (void)err_reply(&ret_result->err, code ? code : REPLY_INTERNAL_ERROR, "%.*s",
                    (int)kept->error.size, (const char *)kept->error.data);
}

static void answer_done(struct tx *tx, const struct op_spec *spec, const struct kept_result *kept,
                        struct op_result *ret_result)
{
    void *reply = tx_array(tx, 1, spec->reply->size);
    struct err err;

    if (!reply) {
        return;
    }
    if (protobuf_read(op_spec_kept(spec), kept->reply, tx->arena, reply, &err) != ERR_NONE) {
        (void)tx_fail(tx, ERR_CORRUPT, "a kept reply does not decode");
        return;
    }
    ret_result->reply = reply;
}

/* What is kept of the request's operation i; NULL when that was another one. Of a unit that failed
 * all operations answer as the one that did. */
static const struct kept_result *find_result(const struct keyed *keyed, const struct op_spec *spec,
                                             uint32_t i)
{
    const struct kept_result *results = keyed->row.results.items;
    uint32_t failed = keyed->row.failed;

    if (failed) {
        return failed != i + 1 || results[0].op == spec->code ? &results[0] : NULL;
    }
    return i < keyed->row.results.count && results[i].op == spec->code ? &results[i] : NULL;
}

void keyed_answer(struct tx *tx, struct keyed *keyed, const struct op_spec *spec, uint32_t at,
                  struct op_result *ret_result)
{
    uint32_t i = at - keyed->first;
    const struct kept_result *kept;

    if (keyed->fate == KEYED_REFUSED) {
        ret_result->err = keyed->err;
        ret_result->of_call = true;
        return;
    }
    ret_result->again = true;
    ret_result->of_unit = keyed->row.failed && keyed->row.failed != i + 1;
    kept = find_result(keyed, spec, i);
    if (!kept) {
        keyed->differs = true;
        return;
    }
    if (kept->code.size > 0) {
        answer_refused(kept, ret_result);
    } else {
        answer_done(tx, spec, kept, ret_result);
    }
}

/* --- A request ends ------------------------------------------------------------------------------
 */

/* Gives the request as a whole one refusal. */
static void refuse_all(const struct keyed *keyed, struct op_result *results, uint32_t end)
{
    for (uint32_t i = keyed->first; i < end; i++) {
        results[i].err = keyed->err;
        results[i].reply = NULL;
        results[i].of_call = true;
        results[i].again = false;
    }
}

/* What the request did wrong whatever the state is, and what may be different at once, is not a
 * decision about its effect (A4). */
static bool is_decided(const struct err *err)
{
    enum reply_code code = reply_for_err(err);
    uint16_t status = reply_row(code)->status;

    return status >= 400 && status < 500 && status != 401 && status != 403 && status != 413 &&
           status != 429 && code != REPLY_VALIDATION_ERROR && code != REPLY_PARSE_ERROR;
}

/* The result that stands for a failed unit or a single operation; NULL when nothing failed. */
static const struct op_result *find_failure(const struct op_result *results, uint32_t first,
                                            uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        if (results[i].err.code != ERR_NONE && !results[i].of_unit) {
            return &results[i];
        }
    }
    return NULL;
}

static struct slice copy(struct tx *tx, struct slice bytes)
{
    struct slice result = {0};

    if (!arena_copy(tx->arena, bytes, &result)) {
        (void)tx_fail(tx, ERR_NOMEM, "the entry needs more memory than an entry may use");
    }
    return result;
}

static struct kept_result keep(struct tx *tx, const struct op_result *result)
{
    struct kept_result kept = {.op = result->spec->code};

    if (result->err.code != ERR_NONE) {
        kept.code = slice_text(reply_row(reply_for_err(&result->err))->name);
        kept.error = slice_text(result->err.text);
    } else {
        kept.reply = copy(tx, tx_encode(tx, op_spec_kept(result->spec), result->reply));
    }
    return kept;
}

/* The record's list of results; of a unit that failed only what failed. */
static void keep_all(struct tx *tx, struct keyed *keyed, const struct op_result *results,
                     const struct op_result *failure, uint32_t end)
{
    uint32_t count = failure && !keyed->head->list ? 1 : end - keyed->first;
    struct kept_result *kept = tx_array(tx, count, sizeof(*kept));

    keyed->row = (struct kept_row){
        .fingerprint = keyed->head->fingerprint,
        .at_ns = tx->now_ns,
        .seq = tx->meta->kept_seq + 1,
        .count = end - keyed->first,
        .results = {.items = kept, .count = count},
    };
    if (failure && !keyed->head->list) {
        keyed->row.failed = 1 + (uint32_t)(failure - (results + keyed->first));
    }
    for (uint32_t i = 0; i < count && !tx_failed(tx); i++) {
        kept[i] = keep(tx, keyed->row.failed ? failure : &results[keyed->first + i]);
    }
}

static void keep_request(struct tx *tx, struct keyed *keyed, struct op_result *results,
                         uint32_t end)
{
    const struct op_result *failure = find_failure(results, keyed->first, end);
    uint64_t old_seq = keyed->row.seq;
    struct slice value;

    if (failure && !keyed->head->list && !is_decided(&failure->err)) {
        return;
    }
    keep_all(tx, keyed, results, failure, end);
    if (tx_failed(tx)) {
        return;
    }
    value = tx_encode(tx, &kept_row_message, &keyed->row);
    if (value.size <= KEPT_SIZE_MAX) {
        kept_store(tx, keyed->head->idempotency, &keyed->row, value, keyed->old, old_seq);
        return;
    }
    (void)err_reply(&keyed->err, REPLY_VALIDATION_ERROR,
                    "the outcome has %zu bytes; with an Idempotency-Key it may have %zu: ask for "
                    "less at once",
                    value.size, (size_t)KEPT_SIZE_MAX);
    tx_rollback(tx, &keyed->savepoint);
    refuse_all(keyed, results, end);
}

void keyed_end(struct tx *tx, struct keyed *keyed, struct op_result *results, uint32_t end)
{
    if (keyed->number == 0 || tx_failed(tx)) {
        return;
    }
    if (keyed->fate == KEYED_NEW) {
        keep_request(tx, keyed, results, end);
    } else if (keyed->fate == KEYED_AGAIN &&
               (keyed->differs || end - keyed->first != keyed->row.count)) {
        refuse(keyed, REPLY_IDEMPOTENCY_MISMATCH,
               "the Idempotency-Key was used with another version of the server");
        refuse_all(keyed, results, end);
    }
    keyed->number = 0;
}
