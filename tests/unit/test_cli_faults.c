/* Without memory nothing is half printed or half sent in silence: the buffer says that it failed.
 */
#include "base/common.h"
#include "base/limits.h"
#include "cli/args.h"
#include "cli/page.h"
#include "tests/unit/alloc_faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

static const char json[] = "{\"name\":[1,2,{\"text\":\"some more text, so that buffers grow\"}]}";

static void write_page(struct buf *out)
{
    page_write_json(slice_text(json), 2, true, true, out);
}

static void write_help(struct buf *out)
{
    command_help(command_find("enqueue"), 80, true, out);
}

static void write_reference(struct buf *out)
{
    command_reference(out);
}

static void write_completion(struct buf *out)
{
    (void)command_completion("bash", out);
}

static void write_members(struct buf *out)
{
    char line[] =
        "corvo\0enqueue\0mail\0--tag=team=a\0--tag={\"n\":1}\0--checkpoint=[1,2]\0--delay=5s";
    static struct args args;
    char *argv[7];
    struct err err;
    bool comma = false;
    char *at = line;

    for (size_t i = 0; i < ARRAY_COUNT(argv); i++) {
        argv[i] = at;
        at += strlen(at) + 1;
    }
    if (args_read((int)ARRAY_COUNT(argv), argv, &args, &err)) {
        out->failed = true; /* Checking JSON takes memory as well. */
        return;
    }
    args_write_members(&args, 0, &comma, out);
}

/* Method: for each writer the 1st, 2nd ... allocation fails, until none does. */
static void failing_memory_is_told(void **state)
{
    static void (*const writers[])(struct buf *out) = {write_page, write_help, write_reference,
                                                       write_completion, write_members};

    (void)state;
    for (size_t i = 0; alloc_faults_work && i < ARRAY_COUNT(writers); i++) {
        size_t at = 1;
        bool failed;

        do {
            struct buf out;

            buf_init(&out, MIB);
            alloc_fail_at = at;
            writers[i](&out);
            failed = alloc_fail_at == 0;
            alloc_fail_at = 0;
            assert_int_equal(out.failed, failed);
            buf_done(&out);
            at++;
        } while (failed && at < 1000);
        assert_true(at > 2 && at < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(failing_memory_is_told)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
