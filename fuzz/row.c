/* Fuzz target: stored rows. The first byte names the table; the rest is a row of it, which, when it
 * decodes, must encode to bytes that decode to the same.
 *
 * With 128 more, the second byte picks a row of a small core's state, which gets these bytes as its
 * value: the core opens and everything is read, or ERR_CORRUPT says that it can not. */
#include "base/limits.h"
#include "core/core.h"
#include "core/event.h"
#include "core/job.h"
#include "core/kept.h"
#include "core/ops.h"
#include "core/rows.h"
#include "core/tables.h"
#include "fuzz/codec.h"
#include "fuzz/fuzz.h"
#include "store/kv_mem.h"
#include "wire/json.h"

#include <stdlib.h>

#define STATE_BIT 0x80u
#define ROWS_MAX 128
#define JOBS_MAX 16
#define NOW_NS (UINT64_C(1767225600) * NS_PER_SECOND)

static const struct message *const row_messages[] = {
    [TABLE_META] = &meta_row_message,
    [TABLE_QUEUE] = &queue_row_message,
    [TABLE_JOB] = &job_row_message,
    [TABLE_MORE] = &job_more_message,
    [TABLE_ERROR] = &error_row_message,
    [TABLE_DONE] = &job_row_message,
    [TABLE_EVENT] = &event_pack_message,
    [TABLE_LOCK] = &lock_row_message,
    [TABLE_KEPT] = &kept_row_message,
    ['a'] = &kept_age_message, /* TABLE_KEPT has two kinds of rows. */
};

/* A row of the good state. */
struct state_row {
    uint8_t table;
    struct slice key;
    struct slice value;
};

/* The good state: what a few operations leave. */
struct state {
    struct arena arena;
    struct state_row rows[ROWS_MAX];
    uint32_t row_count;
    struct kv_mark mark;
    uint64_t now_ns;
};

/* What makes it: an operation and its request. */
static const struct {
    const char *op;
    const char *json;
} script[] = {
    {"enqueue", "{\"queue\":\"mail\",\"payload\":{\"n\":1},\"max_retries\":2,\"unique_key\":\"k\","
                "\"unique_period\":60}"},
    {"enqueue", "{\"queue\":\"mail\",\"tags\":{\"a\":\"b\"},\"checkpoint\":[1]}"},
    {"enqueue", "{\"queue\":\"sms\",\"delay\":\"1h\",\"expire_after\":\"2h\"}"},
    {"enqueue", "{\"queue\":\"sms\",\"priority\":\"high\"}"},
    {"enqueue", "{\"queue\":\"sms\",\"max_retries\":1}"},
    {"enqueue", "{\"queue\":\"mail\"}"},
    {"fetch", "{\"queues\":[\"mail\"],\"worker_id\":\"w1\",\"count\":2}"},
    {"fetch", "{\"queues\":[\"sms\"],\"worker_id\":\"w2\",\"hostname\":\"h\",\"count\":1}"},
    {"ack", "{\"job_id\":\"$1\",\"result\":{\"ok\":true}}"},
    {"fail", "{\"job_id\":\"$2\",\"error\":\"no\",\"backtrace\":\"at x\"}"},
    {"cancel", "{\"job_id\":\"$6\"}"},
    {"pause", "{\"queue\":\"sms\"}"},
    {"enqueue", "{\"queue\":\"mail\",\"unique_key\":\"k\"}"},
};

/* The text with the ids of jobs for $1 to $9. */
static struct slice expand(const char *text, struct slice ids[JOBS_MAX], struct arena *arena)
{
    struct slice expanded = slice_of(NULL, 0);
    struct buf buf;

    buf_init(&buf, 4 * KIB);
    for (const char *at = text; *at; at++) {
        if (*at == '$') {
            (void)buf_add_slice(&buf, ids[*++at - '0']);
        } else {
            (void)buf_add_byte(&buf, (uint8_t)*at);
        }
    }
    fuzz_expect(arena_copy(arena, buf_slice(&buf), &expanded), "no memory");
    buf_done(&buf);
    return expanded;
}

/* Applies one operation as an entry of its own; what is enqueued, with an idempotency key. */
static enum err_code apply(struct core *core, const struct op_spec *spec, const void *request,
                           uint64_t now_ns, struct arena *arena, struct core_applied *ret_applied,
                           struct err *err)
{
    const struct op_head keyed = {.idempotency = slice_of(&now_ns, sizeof(now_ns)),
                                  .fingerprint = slice_text("print"),
                                  .call = 1};
    uint64_t index = core_mark(core).index + 1;
    struct slice bytes;
    struct buf buf;
    bool good;

    buf_init(&buf, MIB);
    good = entry_add(&buf, spec, spec == &op_enqueue_spec ? &keyed : NULL, request) &&
           entry_seal(&buf, now_ns, index) && arena_copy(arena, buf_slice(&buf), &bytes);
    buf_done(&buf);
    fuzz_expect(good, "no entry");
    return core_apply(core, index, 1, bytes, arena, ret_applied, err);
}

static enum err_code run(struct core *core, const char *op, struct slice json, uint64_t now_ns,
                         struct arena *arena, struct core_applied *ret_applied, struct err *err)
{
    const struct op_spec *spec = op_find_name(op);
    void *request = arena_alloc(arena, spec->request->size);

    fuzz_expect(request && !json_read(spec->request, JSON_REST, json, arena, request, err),
                "%s is no request", op);
    return apply(core, spec, request, now_ns, arena, ret_applied, err);
}

static enum err_code take_row(void *context, struct slice key, struct slice value, struct err *err)
{
    struct state *state = context;
    struct state_row *row = &state->rows[state->row_count];

    (void)err;
    fuzz_expect(state->row_count + 1 < ROWS_MAX, "too many rows");
    state->row_count++;
    fuzz_expect(arena_copy(&state->arena, key, &row->key) &&
                    arena_copy(&state->arena, value, &row->value),
                "no memory");
    return ERR_NONE;
}

static void take_rows(struct state *state, struct kv *kv)
{
    struct err err;

    for (uint8_t table = 0; table < TABLE_COUNT; table++) {
        uint32_t first = state->row_count;

        fuzz_expect(!kv->scan(kv->self, table, slice_of(NULL, 0), take_row, state, &err),
                    "the rows do not scan");
        for (uint32_t i = first; i < state->row_count; i++) {
            state->rows[i].table = table;
        }
    }
}

static const struct core_options core_options = {.retention_ms = 604800000, .events_max = 1000};

static void make_state(struct state *state)
{
    struct slice ids[JOBS_MAX] = {{0}};
    struct kv_mark mark = {0};
    struct core *core = NULL;
    struct kv_mem *mem = NULL;
    uint32_t id_count = 0;
    struct err err;

    arena_init(&state->arena, ENTRY_ARENA_MAX);
    fuzz_expect(!kv_mem_create(TABLE_COUNT, &mem, &err) &&
                    !core_open(kv_mem_kv(mem), &mark, &core_options, &core, &err),
                "no core");
    state->now_ns = NOW_NS;
    for (uint32_t i = 0; i < ARRAY_COUNT(script); i++) {
        struct core_applied applied = {0};
        const struct op_enqueue_reply *reply;

        state->now_ns += NS_PER_SECOND;
        fuzz_expect(!run(core, script[i].op, expand(script[i].json, ids, &state->arena),
                         state->now_ns, &state->arena, &applied, &err),
                    "%s %s stops it: %s", script[i].op, script[i].json, err.text);
        fuzz_expect(applied.results[0].err.code == ERR_NONE, "%s %s fails: %s", script[i].op,
                    script[i].json, applied.results[0].err.text);
        if (applied.results[0].spec == &op_enqueue_spec) {
            reply = applied.results[0].reply;
            fuzz_expect(arena_copy(&state->arena, reply->job_id, &ids[++id_count]), "no memory");
        }
    }
    state->mark = core_mark(core);
    take_rows(state, kv_mem_kv(mem));
    core_close(core);
    kv_mem_destroy(mem);
}

/* The only errors that a row may cause. */
static void expect_corrupt(enum err_code code, const struct err *err)
{
    fuzz_expect(code == ERR_NONE || code == ERR_CORRUPT || code == ERR_NOMEM ||
                    code == ERR_NOT_FOUND,
                "a row causes %s: %s", err_code_name(code), err->text);
}

/* Reads all there is to read. Nothing is applied: what the checks of the whole state would refuse
 * may break what apply asserts. */
static void read_all(const struct state *state, struct core *core, struct arena *arena)
{
    struct list queues;
    struct err err = {.code = ERR_NONE};
    uint64_t hash;

    for (uint32_t i = 0; i < state->row_count; i++) {
        struct job_object *object;
        struct job_key key;

        if (job_key_read(state->rows[i].key, &key)) {
            expect_corrupt(core_job_get(core, job_id_text(key, arena), arena, &object, &err), &err);
        }
    }
    expect_corrupt(core_queues_get(core, state->now_ns, arena, &queues, &err), &err);
    expect_corrupt(core_check(core, &err), &err);
    fuzz_expect(!core_hash_scan(core, &hash, &err), "the rows do not hash: %s", err.text);
}

/* Opens a core over the good state with one row replaced. */
static void try_state(struct slice input)
{
    static struct state state;
    uint32_t chosen;
    struct core *core = NULL;
    struct kv_mem *mem = NULL;
    struct arena arena;
    struct kv *kv;
    struct err err;

    if (state.row_count == 0) {
        make_state(&state);
    }
    chosen = fuzz_take_byte(&input) % state.row_count;
    fuzz_expect(!kv_mem_create(TABLE_COUNT, &mem, &err), "no memory");
    kv = kv_mem_kv(mem);
    arena_init(&arena, ENTRY_ARENA_MAX);
    for (uint32_t i = 0; i < state.row_count; i++) {
        const struct state_row *row = &state.rows[i];
        struct slice value = i == chosen
                                 ? slice_of(input.data ? input.data : row->key.data, input.size)
                                 : row->value;

        fuzz_expect(!kv->put(kv->self, row->table, row->key, value, 0, &err), "no memory");
    }
    fuzz_expect(!kv->commit(kv->self, &state.mark, &err), "no commit");
    if (core_open(kv, &state.mark, &core_options, &core, &err)) {
        expect_corrupt(err.code, &err);
    } else {
        read_all(&state, core, &arena);
        core_close(core);
    }
    arena_done(&arena);
    kv_mem_destroy(mem);
}

static void try_row(uint8_t table, struct slice bytes)
{
    const struct message *message = table < ARRAY_COUNT(row_messages) ? row_messages[table] : NULL;
    struct codec codec;
    const char *why;

    if (!message) {
        return; /* The client's own bytes. */
    }
    codec_init(&codec);
    why = codec_try(&codec, message, CODEC_PROTO, bytes);
    codec_done(&codec);
    fuzz_expect(!why, "%s: %s (%s)", message->name, why ? why : "", codec.err.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    uint8_t selector = fuzz_take_byte(&input);

    if (selector & STATE_BIT) {
        try_state(input);
    } else {
        try_row(selector, input);
    }
    return 0;
}
