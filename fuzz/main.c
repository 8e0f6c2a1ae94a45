/* Our own engine, for compilers without libFuzzer: replays inputs, then mutates them, keeping what
 * reaches something new.
 *
 * All random choices come from --seed, so the same arguments try the same inputs. Time is CPU time:
 * on a busy machine as much is tried, only later. */
#include "base/common.h"
#include "fuzz/coverage.h"
#include "fuzz/dictionary.h"
#include "fuzz/finding.h"
#include "fuzz/fuzz.h"
#include "fuzz/inputs.h"
#include "fuzz/shrink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define WORDS_ARENA_MAX ((size_t)1 << 20)
#define FINDINGS_FOLDER "build/findings"
#define CHANGES_MAX 8
#define CLOCK_EVERY 256
#define TOLD_EVERY_S 60

struct engine {
    const char *name; /* Of the target. */
    const char *dictionary_path;
    const char *save;     /* Folder for inputs that reach something new; NULL = none. */
    const char *findings; /* Folder for findings. */
    const char *shrink;   /* Folder for what is left of the inputs, which all fail; NULL = none. */
    uint64_t runs_max;    /* 0 = no such bound. */
    uint64_t seconds_max; /* 0 = no such bound. */
    uint64_t seed;
    size_t size_max; /* Of mutated inputs. */
    struct arena arena;
    struct dictionary dictionary;
    struct inputs inputs;
    struct mutator mutator;
    uint64_t runs;
    uint64_t began_ns;
    uint64_t told_ns;
};

static const char usage[] =
    "usage: %s [--seconds S] [--runs N] [--seed N] [--size-max N] [--dictionary FILE]\n"
    "          [--save FOLDER] [--findings FOLDER] [--shrink FOLDER] FILE-OR-FOLDER...\n"
    "Tries the inputs of the files and folders once; then, with --seconds (of CPU time) or "
    "--runs,\n"
    "mutations of them. --save keeps those that reach something new, --findings those that fail.\n"
    "--shrink makes inputs that fail as small as they can be, and does nothing else.\n";

static uint64_t clock_of(clockid_t id)
{
    struct timespec now;

    (void)clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static uint64_t cpu_ns(void)
{
    return clock_of(CLOCK_PROCESS_CPUTIME_ID);
}

static void tell(const struct engine *engine)
{
    double seconds = (double)(cpu_ns() - engine->began_ns) / (double)NS_PER_SECOND;

    printf("%s: %" PRIu64 " runs in %.1f s of CPU, %.0f/s, %" PRIu32 " edges, %" PRIu32 " inputs\n",
           engine->name, engine->runs, seconds, seconds > 0 ? (double)engine->runs / seconds : 0.0,
           coverage_edges(), engine->inputs.count);
    (void)fflush(stdout);
}

/* Tries one input, in a block of its own size, so that the sanitizer sees what is read behind it.
 */
static enum coverage_news try_input(struct engine *engine, struct slice bytes)
{
    uint8_t *copy = malloc(bytes.size);
    enum coverage_news news;

    assert(copy || bytes.size == 0);
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    finding_trying(slice_of(copy, bytes.size));
    coverage_start();
    (void)LLVMFuzzerTestOneInput(copy, bytes.size);
    news = coverage_end();
    finding_idle();
    free(copy);
    engine->runs++;
    return news;
}

static enum err_code keep(struct engine *engine, struct slice bytes, struct err *err)
{
    return engine->save ? inputs_save(engine->save, bytes, err) : ERR_NONE;
}

/* Of what is on disk, only what takes new edges is kept, so that a corpus stays small. */
static enum err_code replay(struct engine *engine, struct err *err)
{
    enum err_code code = ERR_NONE;

    for (uint32_t i = 0; !code && i < engine->inputs.count; i++) {
        if (try_input(engine, engine->inputs.items[i]) == COVERAGE_EDGE) {
            code = keep(engine, engine->inputs.items[i], err);
        }
    }
    return code;
}

/* One of the inputs; every other time one of the last quarter, which are the newest. */
static struct slice choose_any(struct engine *engine)
{
    uint32_t count = engine->inputs.count;
    uint32_t first = mutate_random(&engine->mutator, 2) ? count - count / 4 : 0;

    first = first == count ? 0 : first;
    return engine->inputs.items[first + mutate_random(&engine->mutator, count - first)];
}

/* The smaller of two: small ones are faster, and each of their bytes matters more. */
static struct slice choose(struct engine *engine)
{
    struct slice one = choose_any(engine);
    struct slice other = choose_any(engine);

    return one.size < other.size ? one : other;
}

static struct slice mutation(struct engine *engine)
{
    static uint8_t bytes[INPUT_SIZE_MAX];
    struct mutator *mutator = &engine->mutator;
    struct slice input = choose(engine);
    size_t size = input.size < engine->size_max ? input.size : engine->size_max;
    uint64_t changes = UINT64_C(1) << mutate_random(mutator, 4);

    if (size > 0) {
        memcpy(bytes, input.data, size);
    }
    if (mutate_random(mutator, 8) == 0) {
        size = mutate_splice(mutator, bytes, size, engine->size_max, choose(engine));
    }
    for (; changes > 0; changes--) {
        size = mutate(mutator, bytes, size, engine->size_max);
    }
    return slice_of(bytes, size);
}

static bool is_over(struct engine *engine)
{
    uint64_t now_ns;

    if (engine->runs_max > 0 && engine->runs >= engine->runs_max) {
        return true;
    }
    if (engine->runs % CLOCK_EVERY != 0) {
        return false;
    }
    now_ns = cpu_ns();
    if (now_ns - engine->told_ns >= TOLD_EVERY_S * NS_PER_SECOND) {
        engine->told_ns = now_ns;
        tell(engine);
    }
    return engine->seconds_max > 0 &&
           now_ns - engine->began_ns >= engine->seconds_max * NS_PER_SECOND;
}

static enum err_code mutate_inputs(struct engine *engine, struct err *err)
{
    enum err_code code = ERR_NONE;

    engine->mutator = (struct mutator){
        .state = engine->seed * UINT64_C(0x9e3779b97f4a7c15) | 1,
        .words = engine->dictionary.words,
        .word_count = engine->dictionary.count,
        .compares = coverage_compares(),
        .compare_count = coverage_edges() > 0 ? COVERAGE_COMPARES : 0,
    };
    if (engine->inputs.count == 0 && !inputs_add(&engine->inputs, slice_of(NULL, 0))) {
        return err_set(err, ERR_NOMEM, "no memory for inputs");
    }
    while (!code && !is_over(engine)) {
        struct slice bytes = mutation(engine);

        if (try_input(engine, bytes) != COVERAGE_OLD) {
            code = keep(engine, bytes, err);
            if (!inputs_add(&engine->inputs, bytes)) {
                return err_set(err, ERR_NOMEM, "no memory for inputs");
            }
        }
    }
    return code;
}

static enum err_code parse_number(const char *option, const char *text, uint64_t *ret_number,
                                  struct err *err)
{
    char *end;

    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end) {
        return err_set(err, ERR_INVALID, "%s: '%s' is not a number", option, text);
    }
    return ERR_NONE;
}

static enum err_code parse_option(struct engine *engine, const char *option, const char *text,
                                  struct err *err)
{
    uint64_t size_max = engine->size_max;
    const struct {
        const char *name;
        uint64_t *number;
        const char **path;
    } options[] = {
        {"--seconds", &engine->seconds_max, NULL},
        {"--runs", &engine->runs_max, NULL},
        {"--seed", &engine->seed, NULL},
        {"--size-max", &size_max, NULL},
        {"--save", NULL, &engine->save},
        {"--findings", NULL, &engine->findings},
        {"--dictionary", NULL, &engine->dictionary_path},
        {"--shrink", NULL, &engine->shrink},
    };

    for (size_t i = 0; i < ARRAY_COUNT(options); i++) {
        if (strcmp(option, options[i].name) != 0) {
            continue;
        }
        if (!text) {
            return err_set(err, ERR_INVALID, "%s wants a value", option);
        }
        if (options[i].path) {
            *options[i].path = text;
            return ERR_NONE;
        }
        if (parse_number(option, text, options[i].number, err)) {
            return err->code;
        }
        engine->size_max = size_max < INPUT_SIZE_MAX ? (size_t)size_max : INPUT_SIZE_MAX;
        return ERR_NONE;
    }
    return err_set(err, ERR_INVALID, "there is no option '%s'", option);
}

static enum err_code parse(struct engine *engine, int argc, char **argv, struct err *err)
{
    enum err_code code = ERR_NONE;

    for (int i = 1; !code && i < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0) {
            code = parse_option(engine, argv[i], i + 1 < argc ? argv[i + 1] : NULL, err);
            i++;
        } else {
            code = inputs_read(&engine->inputs, argv[i], err);
        }
    }
    if (!code && engine->dictionary_path) {
        code = dictionary_read(engine->dictionary_path, &engine->arena, &engine->dictionary, err);
    }
    return code;
}

static enum err_code shrink_inputs(struct engine *engine, struct err *err)
{
    enum err_code code = ERR_NONE;
    struct buf small;

    buf_init(&small, INPUT_SIZE_MAX);
    for (uint32_t i = 0; !code && i < engine->inputs.count; i++) {
        struct slice input = engine->inputs.items[i];

        if (!shrink(input, &small)) {
            code = err_set(err, ERR_INVALID, "an input of %zu bytes does not fail", input.size);
        } else {
            printf("%s: %zu bytes of %zu\n", engine->name, small.size, input.size);
            code = inputs_save(engine->shrink, buf_slice(&small), err);
        }
    }
    buf_done(&small);
    return code;
}

static enum err_code fuzz(struct engine *engine, struct err *err)
{
    enum err_code code;

    if (engine->shrink) {
        return shrink_inputs(engine, err);
    }
    code = replay(engine, err);

    if (!code && (engine->runs_max > 0 || engine->seconds_max > 0)) {
        code = mutate_inputs(engine, err);
    }
    if (!code) {
        tell(engine);
    }
    return code;
}

int main(int argc, char **argv)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    const char *slash = strrchr(argv[0], '/');
    struct err err = {.code = ERR_NONE};
    bool is_one; /* A finding that is replayed need not be written again. */

    assert(engine);
    *engine = (struct engine){.name = slash ? slash + 1 : argv[0],
                              .findings = FINDINGS_FOLDER,
                              .seed = 1,
                              .size_max = 4096};
    arena_init(&engine->arena, WORDS_ARENA_MAX);
    if (argc < 2) {
        (void)fprintf(stderr, usage, argv[0]);
        err.code = ERR_INVALID;
    } else if (parse(engine, argc, argv, &err) == ERR_NONE) {
        is_one = engine->inputs.count == 1 && engine->runs_max == 0 && engine->seconds_max == 0;
        (void)mkdir(engine->findings, 0755);
        finding_watch(argv[0], engine->name, is_one ? NULL : engine->findings);
        engine->began_ns = engine->told_ns = cpu_ns();
        (void)fuzz(engine, &err);
    }
    if (err.text[0]) {
        (void)fprintf(stderr, "%s: %s\n", engine->name, err.text);
    }
    inputs_done(&engine->inputs);
    arena_done(&engine->arena);
    free(engine);
    return err.code ? EXIT_FAILURE : EXIT_SUCCESS;
}
