/* Key writes a job life, counted by the store: enqueue, fetch and ack in entries of their own, over
 * the real store.
 *
 * The bound is the promise of the performance page: at most three. */
#include "base/buf.h"
#include "base/env.h"
#include "base/limits.h"
#include "core/core.h"
#include "core/ops.h"
#include "store/store.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIVES 20000
#define OPS_AN_ENTRY 64
#define KEY_WRITES_MAX 3.0

struct bench {
    struct store *store;
    struct core *core;
    struct arena arena;
    uint64_t index;
    char ids[OPS_AN_ENTRY][40];
    char tokens[OPS_AN_ENTRY][LEASE_TOKEN_MAX];
};

static void must(enum err_code code, const struct err *err)
{
    if (code) {
        (void)fprintf(stderr, "budget: %s\n", err->text);
        exit(1);
    }
}

static void apply(struct bench *bench, struct buf *entry, struct core_applied *ret_applied)
{
    const struct env *env = env_system();
    struct err err;
    bool sealed = entry_seal(entry, env->wall_ns(env->self), 1);

    assert(sealed);
    arena_clear(&bench->arena);
    must(core_apply(bench->core, ++bench->index, 1, buf_slice(entry), &bench->arena, ret_applied,
                    &err),
         &err);
    must(store_poll(bench->store, env->monotonic_ns(env->self), 0, &err), &err);
}

static void enqueue_all(struct bench *bench)
{
    static const struct op_head head;
    static char payload[200];
    struct core_applied applied;
    struct op_enqueue op = {.queue = slice_text("budget")};
    struct buf entry;

    memset(payload, 'x', sizeof(payload));
    payload[0] = payload[sizeof(payload) - 1] = '"';
    op.payload = slice_of(payload, sizeof(payload));
    buf_init(&entry, ENTRY_SIZE_MAX);
    for (uint32_t i = 0; i < OPS_AN_ENTRY; i++) {
        (void)entry_add(&entry, &op_enqueue_spec, &head, &op);
    }
    apply(bench, &entry, &applied);
    buf_done(&entry);
}

static void keep(char *ret_text, size_t size, struct slice text)
{
    assert(text.size < size);
    memcpy(ret_text, text.data, text.size);
    ret_text[text.size] = 0;
}

static void fetch_all(struct bench *bench)
{
    static const struct op_head head;
    struct slice queue = slice_text("budget");
    struct op_fetch op = {.queues = {.items = &queue, .count = 1}, .count = 1};
    struct core_applied applied;
    struct buf entry;

    op.worker_id = slice_text("worker-1");
    buf_init(&entry, ENTRY_SIZE_MAX);
    for (uint32_t i = 0; i < OPS_AN_ENTRY; i++) {
        (void)entry_add(&entry, &op_fetch_spec, &head, &op);
    }
    apply(bench, &entry, &applied);
    for (uint32_t i = 0; i < OPS_AN_ENTRY; i++) {
        const struct op_fetch_reply *reply = applied.results[i].reply;
        const struct op_fetch_job *job = reply->jobs.items;

        assert(reply->jobs.count == 1);
        keep(bench->ids[i], sizeof(bench->ids[i]), job->job_id);
        keep(bench->tokens[i], sizeof(bench->tokens[i]), job->lease_token);
    }
    buf_done(&entry);
}

static void ack_all(struct bench *bench)
{
    static const struct op_head head;
    struct core_applied applied;
    struct buf entry;

    buf_init(&entry, ENTRY_SIZE_MAX);
    for (uint32_t i = 0; i < OPS_AN_ENTRY; i++) {
        struct op_ack op = {.job_id = slice_text(bench->ids[i]),
                            .lease_token = slice_text(bench->tokens[i]),
                            .result = slice_text("{\"ok\":true}")};

        (void)entry_add(&entry, &op_ack_spec, &head, &op);
    }
    apply(bench, &entry, &applied);
    for (uint32_t i = 0; i < OPS_AN_ENTRY; i++) {
        assert(!applied.results[i].err.code);
    }
    buf_done(&entry);
}

static void open_all(struct bench *bench, const char *dir)
{
    struct store_options options = {.dir = dir};
    struct core_options core = {.events_max = 10000000};
    struct kv_mark mark;
    struct err err;

    options.tables = core_tables(&options.table_count);
    must(store_open(&options, &bench->store, &err), &err);
    mark = store_opened_at(bench->store);
    must(core_open(store_kv(bench->store), &mark, &core, &bench->core, &err), &err);
    arena_init(&bench->arena, ENTRY_ARENA_MAX);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

int main(void)
{
    static struct bench bench;
    char dir[] = "/tmp/corvo-budget-XXXXXX";
    struct err err;
    double writes;

    if (!mkdtemp(dir)) {
        perror(dir);
        return 1;
    }
    open_all(&bench, dir);
    for (uint32_t i = 0; i < LIVES / OPS_AN_ENTRY; i++) {
        enqueue_all(&bench);
        fetch_all(&bench);
        ack_all(&bench);
    }
    must(store_drain(bench.store, false, &err), &err);
    writes = (double)store_stats(bench.store).keys_written / (LIVES / OPS_AN_ENTRY * OPS_AN_ENTRY);
    core_close(bench.core);
    store_close(bench.store, false);
    arena_done(&bench.arena);
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    (void)printf("%.3f key writes a life, at most %.0f\n", writes, KEY_WRITES_MAX);
    (void)printf("%d passed, %d failed\n", writes <= KEY_WRITES_MAX, writes > KEY_WRITES_MAX);
    return writes <= KEY_WRITES_MAX ? 0 : 1;
}
