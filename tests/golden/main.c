/* Replays golden transcripts and compares; `--accept` writes what came instead. Files as arguments,
 * or all. Each is replayed over memory, over a store that is opened again in the middle, and over
 * one that loses what was not flushed there; `--store memory`, `rocks` or `crash` picks one. */
#include "tests/golden/golden.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX ((size_t)4 << 20)
#define SEPARATOR "----\n"

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, FILE_MAX);
    size_t size;

    if (!file || !text) {
        free(text);
        return NULL;
    }
    size = fread(text, 1, FILE_MAX - 1, file);
    text[size] = '\0';
    (void)fclose(file);
    return text;
}

static bool write_file(const char *path, const char *script, struct slice output)
{
    FILE *file = fopen(path, "wb");
    bool done;

    if (!file) {
        return false;
    }
    done = fputs(script, file) >= 0 && fputs(SEPARATOR, file) >= 0 &&
           fwrite(output.data, 1, output.size, file) == output.size;
    return fclose(file) == 0 && done;
}

static void show_difference(const char *path, const char *place, struct slice have,
                            struct slice want)
{
    size_t at = 0;
    size_t line = 1;
    size_t start = 0;

    while (at < have.size && at < want.size && have.data[at] == want.data[at]) {
        if (have.data[at++] == '\n') {
            line++;
            start = at;
        }
    }
    (void)printf(
        "%s over %s: output line %zu differs\n  want: %.*s\n  have: %.*s\n", path, place, line,
        (int)strcspn((const char *)want.data + start, "\n"), (const char *)want.data + start,
        (int)strcspn((const char *)have.data + start, "\n"), (const char *)have.data + start);
}

static bool judge(struct golden *golden, const char *path, const char *script, const char *expected,
                  bool accept)
{
    struct slice have;
    struct slice want = slice_text(expected);
    const char *place = place_name(golden->place.kind);

    (void)buf_add_byte(&golden->out, '\0');
    have = slice_of(golden->out.data, golden->out.size - 1);
    if (golden->failed) {
        (void)printf("%s over %s: failed\n%s", path, place, (const char *)golden->out.data);
        return false;
    }
    if (slice_equal(have, want)) {
        return true;
    }
    if (accept) {
        return write_file(path, script, have);
    }
    show_difference(path, place, have, want);
    return false;
}

static bool run_file(const char *path, enum place_kind kind, bool accept)
{
    struct golden *golden = calloc(1, sizeof(*golden));
    char *text = read_file(path);
    char *script = text ? strdup(text) : NULL;
    char *separator = script ? strstr(script, SEPARATOR) : NULL;
    bool passed = false;

    if (!golden || !script) {
        (void)printf("%s: can not be read\n", path);
        goto out;
    }
    if (separator) {
        text[separator - script] = '\0';
        *separator = '\0';
    }
    golden_init(golden, kind);
    (void)golden_run(golden, text);
    passed = judge(golden, path, script, separator ? separator + strlen(SEPARATOR) : "", accept);
    golden_done(golden);
out:
    free(script);
    free(text);
    free(golden);
    return passed;
}

struct run {
    bool accept;
    bool kinds[PLACE_COUNT]; /* Where to replay. */
    unsigned passed, failed;
};

static void run_everywhere(struct run *run, const char *path)
{
    for (uint32_t kind = 0; kind < PLACE_COUNT; kind++) {
        if (!run->kinds[kind]) {
            continue;
        }
        if (run_file(path, (enum place_kind)kind, run->accept)) {
            run->passed++;
        } else {
            run->failed++;
        }
    }
}

/* Options come first; returns how many arguments they are, 0 when one makes no sense. */
static int read_options(struct run *run, int argc, char **argv)
{
    int at = 1;
    const char *place = NULL;

    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--accept") == 0) {
            run->accept = true;
            place = "memory";
        } else if (strcmp(argv[at], "--store") == 0 && at + 1 < argc) {
            place = argv[++at];
        } else {
            return 0;
        }
    }
    for (uint32_t kind = 0; kind < PLACE_COUNT; kind++) {
        run->kinds[kind] = !place || strcmp(place, place_name((enum place_kind)kind)) == 0;
    }
    return at;
}

int main(int argc, char **argv)
{
    struct run run = {0};
    int first = read_options(&run, argc, argv);
    glob_t found = {0};

    if (first == 0) {
        (void)fprintf(stderr, "usage: run [--accept] [--store memory|rocks|crash] [FILE ...]\n");
        return 2;
    }
    if (first == argc) {
        (void)glob("tests/golden/*.txt", 0, NULL, &found);
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        run_everywhere(&run, found.gl_pathv[i]);
    }
    for (int i = first; i < argc; i++) {
        run_everywhere(&run, argv[i]);
    }
    globfree(&found);
    (void)printf("%u passed, %u failed\n", run.passed, run.failed);
    return run.failed > 0 || run.passed == 0;
}
