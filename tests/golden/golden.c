/* The commands of golden transcripts: see golden.h. */
#include "tests/golden/golden.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/reply.h"
#include "core/job.h"
#include "core/ops.h"
#include "core/queue.h"
#include "core/tables.h"
#include "core/why.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>

#define START_NS (UINT64_C(1767225600) * NS_PER_SECOND) /* 2026-01-01T00:00:00Z */

static void open_core(struct golden *golden, const struct kv_mark *mark)
{
    struct err err = {0};

    golden->record.below = place_kv(&golden->place);
    if (core_open(&golden->record.kv, mark, &golden->options, &golden->core, &err) != ERR_NONE) {
        (void)fprintf(stderr, "open: %s\n", err.text);
        abort();
    }
}

/* Opens the core anew over the same rows. */
static void reopen_core(struct golden *golden)
{
    struct kv_mark mark = core_mark(golden->core);

    core_close(golden->core);
    open_core(golden, &mark);
}

void golden_init(struct golden *golden, enum place_kind kind)
{
    static const struct kv_mark nothing;

    *golden = (struct golden){.now_ns = START_NS};
    golden->options = (struct core_options){
        .retention_ms = UINT64_C(168) * 3600 * 1000,
        .events_max = 10000000,
    };
    place_init(&golden->place, kind);
    recorder_init(&golden->record, place_kv(&golden->place));
    arena_init(&golden->arena, SCRIPT_ARENA_MAX);
    buf_init(&golden->out, (size_t)16 << 20);
    buf_init(&golden->entry, (size_t)64 << 20);
    open_core(golden, &nothing);
}

void golden_done(struct golden *golden)
{
    core_close(golden->core);
    recorder_done(&golden->record);
    place_done(&golden->place);
    arena_done(&golden->arena);
    buf_done(&golden->out);
    buf_done(&golden->entry);
    free(golden->ids);
}

/* Each of these must hold after any command. */
static void check(struct golden *golden)
{
    uint64_t hash = 0;
    struct err err;

    if (core_check(golden->core, &err) != ERR_NONE) {
        (void)buf_printf(&golden->out, "! check: %s\n", err.text);
        golden->failed = true;
    }
    if (core_hash_scan(golden->core, &hash, &err) != ERR_NONE ||
        hash != core_mark(golden->core).state_hash) {
        (void)buf_printf(&golden->out, "! the state hash is not the rows'\n");
        golden->failed = true;
    }
}

static void print_result(struct golden *golden, const struct op_spec *spec, const struct err *err,
                         const void *reply, bool again)
{
    struct buf text;

    buf_init(&text, (size_t)16 << 20);
    (void)buf_printf(&text, "%u %s %s", golden->line, spec->name, again ? "again " : "");
    if (err->code == ERR_NONE) {
        (void)buf_add_text(&text, "ok ");
        json_write(spec->reply, JSON_REST, reply, &text);
    } else {
        (void)buf_printf(&text, "%s: %s", reply_row(reply_for_err(err))->name, err->text);
    }
    golden_print(golden, buf_slice(&text));
    (void)buf_add_byte(&golden->out, '\n');
    buf_done(&text);
}

static void print_results(struct golden *golden, const struct core_applied *applied)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < golden->op_count; i++) {
        const struct golden_op *op = &golden->ops[i];
        const struct op_result *result;

        if (op->err.code != ERR_NONE) {
            print_result(golden, op->spec, &op->err, NULL, false);
            continue;
        }
        result = &applied->results[at++];
        if (result->err.code == ERR_NONE && result->spec->code == OP_ENQUEUE) {
            golden_learn(golden, ((const struct op_enqueue_reply *)result->reply)->job_id);
        }
        print_result(golden, op->spec, &result->err, result->reply, result->again);
    }
}

/* Applies the entry that was collected and prints what came of it. */
static void apply(struct golden *golden)
{
    size_t start = golden->out.size;
    struct core_applied applied = {0};
    bool sealed = golden->entry.size == 0 || entry_seal(&golden->entry, golden->now_ns, 7);
    struct arena arena;
    struct err err;

    assert(sealed);
    arena_init(&arena, ENTRY_ARENA_MAX);
    golden->record.entry.count = 0;
    place_note(&golden->place, golden->index + 1, buf_slice(&golden->entry));
    if (core_apply(golden->core, ++golden->index, 1, buf_slice(&golden->entry), &arena, &applied,
                   &err) != ERR_NONE) {
        (void)buf_printf(&golden->out, "! the replica stopped: %s\n", err.text);
        golden->failed = true;
    }
    print_results(golden, &applied);
    golden_print_changes(golden, &applied);
    if (golden->quiet) {
        golden->out.size = start;
    } else {
        check(golden);
    }
    arena_done(&arena);
    buf_clear(&golden->entry);
    golden->op_count = 0;
    golden->traceparent[0] = '\0';
    golden->key[0] = '\0';
    golden->list = false;
}

/* The head of the next operation. Over HTTP a key has the scope of its route, here of its verb. */
static struct op_head make_head(struct golden *golden, const struct op_spec *spec,
                                struct slice json)
{
    struct op_head head = {.traceparent = slice_text(golden->traceparent), .unit = golden->unit};

    if (!golden->key[0]) {
        return head;
    }
    if (!golden->fingerprint[0]) {
        (void)snprintf(golden->fingerprint, sizeof(golden->fingerprint), "%016llx",
                       (unsigned long long)hash_bytes(json));
    }
    head.idempotency =
        slice_text(arena_printf(&golden->arena, "%s/%.15s", spec->name, golden->key));
    head.fingerprint = slice_text(golden->fingerprint);
    head.call = golden->call;
    head.list = golden->list;
    return head;
}

static bool run_op(struct golden *golden, const struct op_spec *spec, struct slice words)
{
    struct slice json = golden_request(golden, golden_expand(golden, words));
    void *request = arena_alloc(&golden->arena, spec->request->size);
    struct op_head head = make_head(golden, spec, json);
    struct golden_op *op = &golden->ops[golden->op_count];

    if (!json.data || !request || golden->op_count == OPS_MAX) {
        return false;
    }
    golden->op_count++;
    *op = (struct golden_op){.spec = spec};
    if (spec->code == OP_TICK && json.size == 2) {
        core_tick(golden->core, request);
        if (!entry_add(&golden->entry, spec, &head, request)) {
            return false;
        }
    } else if (json_read(spec->request, JSON_REST, json, &golden->arena, request, &op->err) ==
               ERR_NONE) {
        op->err.code = ERR_NONE;
        if (!entry_add(&golden->entry, spec, &head, request)) {
            return false;
        }
    }
    if (!golden->in_entry) {
        apply(golden);
    }
    return true;
}

static bool run_clock(struct golden *golden, struct slice words)
{
    struct slice word = golden_word(&words);
    uint64_t ms = 0;
    uint64_t ns = 0;
    struct err err;

    for (size_t i = 1; i < word.size && word.data[i] >= '0' && word.data[i] <= '9'; i++) {
        ns = ns * 10 + (uint64_t)(word.data[i] - '0');
    }
    if (word.size < 3) {
        return false;
    }
    if (memcmp(word.data + word.size - 2, "ns", 2) != 0) {
        if (json_parse_duration(slice_from(word, 1), &ms, &err) != ERR_NONE) {
            return false;
        }
        ns = ms * NS_PER_MS;
    }
    golden->now_ns += word.data[0] == '-' ? -ns : ns;
    return true;
}

static bool run_job(struct golden *golden, struct slice words)
{
    struct slice id = golden_expand(golden, golden_word(&words));
    struct job_object *job;
    struct buf text;
    struct err err;

    buf_init(&text, (size_t)16 << 20);
    (void)buf_printf(&text, "%u job ", golden->line);
    if (core_job_get(golden->core, id, &golden->arena, &job, &err) == ERR_NONE) {
        json_write(&job_object_message, JSON_REST, job, &text);
    } else {
        (void)buf_printf(&text, "%s: %s", reply_row(reply_for_err(&err))->name, err.text);
    }
    golden_print(golden, buf_slice(&text));
    (void)buf_add_byte(&golden->out, '\n');
    buf_done(&text);
    return true;
}

static bool run_attempts(struct golden *golden, struct slice words)
{
    struct slice id = golden_expand(golden, golden_word(&words));
    struct job_attempts *attempts;
    struct buf text;
    struct err err;

    buf_init(&text, (size_t)16 << 20);
    (void)buf_printf(&text, "%u attempts ", golden->line);
    if (core_attempts_get(golden->core, id, &golden->arena, &attempts, &err) == ERR_NONE) {
        json_write(&job_attempts_message, JSON_REST, attempts, &text);
    } else {
        (void)buf_printf(&text, "%s: %s", reply_row(reply_for_err(&err))->name, err.text);
    }
    golden_print(golden, buf_slice(&text));
    (void)buf_add_byte(&golden->out, '\n');
    buf_done(&text);
    return true;
}

static bool run_why(struct golden *golden, struct slice words)
{
    struct slice id = golden_expand(golden, golden_word(&words));
    struct why *why;
    struct buf text;
    struct err err;

    buf_init(&text, (size_t)16 << 20);
    (void)buf_printf(&text, "%u why ", golden->line);
    if (core_why(golden->core, id, golden->now_ns, &golden->arena, &why, &err) == ERR_NONE) {
        why_sum_up(why, 0);
        json_write(&why_message, JSON_REST, why, &text);
    } else {
        (void)buf_printf(&text, "%s: %s", reply_row(reply_for_err(&err))->name, err.text);
    }
    golden_print(golden, buf_slice(&text));
    (void)buf_add_byte(&golden->out, '\n');
    buf_done(&text);
    return true;
}

static bool run_queues(struct golden *golden, struct slice words)
{
    struct list queues = {0};
    struct err err;
    enum err_code code =
        core_queues_get(golden->core, golden->now_ns, &golden->arena, &queues, &err);

    (void)words;
    assert(code == ERR_NONE);
    (void)buf_printf(&golden->out, "%u queues %u\n", golden->line, queues.count);
    for (uint32_t i = 0; i < queues.count; i++) {
        json_write(&queue_object_message, JSON_REST, &((struct queue_object *)queues.items)[i],
                   &golden->out);
        (void)buf_add_byte(&golden->out, '\n');
    }
    return true;
}

static bool run_due(struct golden *golden, struct slice words)
{
    uint64_t due = core_next_due_ns(golden->core);

    (void)words;
    if (due == UINT64_MAX) {
        (void)buf_printf(&golden->out, "%u due never\n", golden->line);
    } else if (due <= golden->now_ns) {
        (void)buf_printf(&golden->out, "%u due now\n", golden->line);
    } else {
        (void)buf_printf(&golden->out, "%u due in %llu ms\n", golden->line,
                         (unsigned long long)((due - golden->now_ns) / NS_PER_MS));
    }
    return true;
}

struct option_word {
    const char *name;
    bool is_duration;
    size_t offset; /* Of the uint64_t in core_options. */
};

#define AT(field) offsetof(struct core_options, field)

static const struct option_word option_words[] = {
    {"retention", true, AT(retention_ms)},       {"events_max", false, AT(events_max)},
    {"kept_ttl", true, AT(kept.ttl_ms)},         {"kept_max", false, AT(kept.max)},
    {"kept_min_ttl", true, AT(kept.min_ttl_ms)},
};

#undef AT

static bool set_option(struct golden *golden, struct slice word)
{
    const uint8_t *equals = memchr(word.data, '=', word.size);
    struct slice name = slice_of(word.data, equals ? (size_t)(equals - word.data) : 0);
    struct slice value = slice_from(word, name.size + 1);
    uint64_t number = 0;
    struct err err;

    for (uint32_t i = 0; i < ARRAY_COUNT(option_words); i++) {
        const struct option_word *option = &option_words[i];

        if (!slice_is(name, option->name)) {
            continue;
        }
        if (!option->is_duration) {
            number = strtoull((const char *)value.data, NULL, 10);
        } else if (json_parse_duration(value, &number, &err) != ERR_NONE) {
            return false;
        }
        memcpy((uint8_t *)&golden->options + option->offset, &number, sizeof(number));
        return true;
    }
    return false;
}

static bool run_options(struct golden *golden, struct slice words)
{
    struct slice word;

    while ((word = golden_word(&words)).size > 0) {
        if (!set_option(golden, word)) {
            return false;
        }
    }
    reopen_core(golden);
    return true;
}

static bool run_reopen(struct golden *golden, struct slice words)
{
    (void)words;
    reopen_core(golden);
    check(golden);
    return true;
}

static bool run_epoch(struct golden *golden, struct slice words)
{
    uint32_t table_count;
    const struct kv_table *tables = core_tables(&table_count);

    (void)words;
    (void)buf_printf(&golden->out, "%u epoch", golden->line);
    for (uint32_t i = 0; i < table_count; i++) {
        uint32_t written = changes_written(&golden->record.epoch, (uint8_t)i);

        if (written) {
            (void)buf_printf(&golden->out, " %s %u", tables[i].name, written);
        }
    }
    (void)buf_add_byte(&golden->out, '\n');
    golden->record.epoch.count = 0;
    return true;
}

static bool run_head(struct golden *golden, struct slice words)
{
    struct slice word = golden_word(&words);

    if (word.size > 4 && memcmp(word.data, "key=", 4) == 0) {
        (void)snprintf(golden->key, sizeof(golden->key), "%.*s", (int)word.size - 4,
                       (const char *)word.data + 4);
        golden->fingerprint[0] = '\0';
        golden->call++;
        golden->list = slice_is(golden_word(&words), "list");
        return true;
    }
    if (word.size <= 12 || memcmp(word.data, "traceparent=", 12) != 0) {
        return false;
    }
    (void)snprintf(golden->traceparent, sizeof(golden->traceparent), "%.*s", (int)word.size - 12,
                   (const char *)word.data + 12);
    return true;
}

static bool run_begin(struct golden *golden, struct slice words)
{
    golden->in_entry = true;
    golden->unit = slice_is(golden_word(&words), "unit") ? 1 : 0;
    return true;
}

static bool run_end(struct golden *golden, struct slice words)
{
    (void)words;
    golden->in_entry = false;
    golden->unit = 0;
    apply(golden);
    return true;
}

static bool run_quiet(struct golden *golden, struct slice words)
{
    (void)words;
    golden->hushed = true;
    return true;
}

static bool run_loud(struct golden *golden, struct slice words)
{
    (void)words;
    golden->hushed = false;
    return true;
}

struct command {
    const char *name;
    bool (*run)(struct golden *golden, struct slice words);
};

static const struct command commands[] = {
    {"clock", run_clock}, {"job", run_job},           {"queues", run_queues}, {"due", run_due},
    {"why", run_why},     {"options", run_options},   {"reopen", run_reopen}, {"epoch", run_epoch},
    {"head", run_head},   {"begin", run_begin},       {"end", run_end},       {"quiet", run_quiet},
    {"loud", run_loud},   {"attempts", run_attempts},
};

static bool run_line(struct golden *golden, struct slice line)
{
    struct slice words = line;
    struct slice verb = golden_word(&words);
    char name[32];
    const struct op_spec *spec;

    (void)snprintf(name, sizeof(name), "%.*s", (int)verb.size, (const char *)verb.data);
    for (uint32_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return commands[i].run(golden, words);
        }
    }
    spec = op_find_name(name);
    return spec && run_op(golden, spec, words);
}

static void turn(struct golden *golden)
{
    struct err err;

    if (!place_turn(&golden->place, &err)) {
        (void)buf_printf(&golden->out, "! store: %s\n", err.text);
        golden->failed = true;
    }
}

static bool run_repeated(struct golden *golden, struct slice line)
{
    struct slice words = line;
    uint64_t count = 1;

    if (slice_is(golden_word(&words), "repeat")) {
        struct slice number = golden_word(&words);

        count = strtoull((const char *)number.data, NULL, 10);
        line = words;
    }
    while (count-- > 0) {
        golden->quiet = golden->hushed || count > 0;
        if (!run_line(golden, line)) {
            return false;
        }
        if (!golden->in_entry) {
            arena_clear(&golden->arena);
            turn(golden);
        }
    }
    return true;
}

/* Opens the store again between two lines: nothing may have changed. */
static void restart(struct golden *golden)
{
    struct kv_mark before = core_mark(golden->core);
    struct kv_mark after = {0};
    struct err err = {0};

    core_close(golden->core);
    golden->core = NULL;
    if (!place_reopen(&golden->place, &golden->options, &after, &err)) {
        (void)fprintf(stderr, "reopen: %s\n", err.text);
        abort();
    }
    open_core(golden, &after);
    if (before.index != after.index || before.term != after.term ||
        before.state_hash != after.state_hash) {
        (void)buf_printf(&golden->out, "! the store stood at entry %llu and opens at %llu\n",
                         (unsigned long long)before.index, (unsigned long long)after.index);
        golden->failed = true;
    }
    check(golden);
}

/* Everything is written in the end, and the files hold what the core says. */
static void finish(struct golden *golden)
{
    struct err err;

    if (!place_flush(&golden->place, &err)) {
        (void)buf_printf(&golden->out, "! flush: %s\n", err.text);
        golden->failed = true;
    }
    if (golden->place.store && golden->index > 0 && place_epochs(&golden->place) == 0) {
        (void)buf_add_text(&golden->out, "! the store wrote no epoch\n");
        golden->failed = true;
    }
    check(golden);
}

static uint32_t count_lines(const char *script)
{
    uint32_t count = 0;

    for (const char *at = script; *at; at = strchr(at, '\n') + 1) {
        count += *at != '#';
        if (!strchr(at, '\n')) {
            break;
        }
    }
    return count;
}

/* What the store does between lines: a flush after a quarter of them, a restart after half. */
static void between_lines(struct golden *golden, uint32_t line_count)
{
    struct err err;

    if (golden->in_entry || !golden->place.store) {
        return;
    }
    if (!golden->flushed && golden->line >= line_count / 4) {
        golden->flushed = true;
        golden->failed = !place_flush(&golden->place, &err) || golden->failed;
    } else if (!golden->restarted && golden->line >= line_count / 2) {
        golden->restarted = true;
        restart(golden);
    }
}

bool golden_run(struct golden *golden, char *script)
{
    uint32_t line_count = count_lines(script);
    char *state = NULL;

    for (char *line = strtok_r(script, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
        if (line[0] == '#') {
            continue;
        }
        golden->line++;
        if (!run_repeated(golden, slice_text(line))) {
            (void)buf_printf(&golden->out, "! line makes no sense: %s\n", line);
            golden->failed = true;
            return false;
        }
        between_lines(golden, line_count);
    }
    finish(golden);
    return true;
}
