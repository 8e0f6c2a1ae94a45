/* Replays golden transcripts and compares; `--accept` writes what came instead. Files as arguments,
 * or all. */
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

static void show_difference(const char *path, struct slice have, struct slice want)
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
        "%s: output line %zu differs\n  want: %.*s\n  have: %.*s\n", path, line,
        (int)strcspn((const char *)want.data + start, "\n"), (const char *)want.data + start,
        (int)strcspn((const char *)have.data + start, "\n"), (const char *)have.data + start);
}

static bool judge(struct golden *golden, const char *path, const char *script, const char *expected,
                  bool accept)
{
    struct slice have;
    struct slice want = slice_text(expected);

    (void)buf_add_byte(&golden->out, '\0');
    have = slice_of(golden->out.data, golden->out.size - 1);
    if (golden->failed) {
        (void)printf("%s: failed\n%s", path, (const char *)golden->out.data);
        return false;
    }
    if (slice_equal(have, want)) {
        return true;
    }
    if (accept) {
        return write_file(path, script, have);
    }
    show_difference(path, have, want);
    return false;
}

static bool run_file(const char *path, bool accept)
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
    golden_init(golden);
    (void)golden_run(golden, text);
    passed = judge(golden, path, script, separator ? separator + strlen(SEPARATOR) : "", accept);
    golden_done(golden);
out:
    free(script);
    free(text);
    free(golden);
    return passed;
}

int main(int argc, char **argv)
{
    bool accept = argc > 1 && strcmp(argv[1], "--accept") == 0;
    int first = accept ? 2 : 1;
    unsigned passed = 0;
    unsigned failed = 0;
    glob_t found = {0};

    if (first == argc) {
        (void)glob("tests/golden/*.txt", 0, NULL, &found);
    }
    for (size_t i = 0; i < found.gl_pathc || first + (int)i < argc; i++) {
        const char *path = first == argc ? found.gl_pathv[i] : argv[first + (int)i];

        if (run_file(path, accept)) {
            passed++;
        } else {
            failed++;
        }
    }
    globfree(&found);
    (void)printf("%u passed, %u failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
