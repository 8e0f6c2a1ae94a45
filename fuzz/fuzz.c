/* What the targets share: see fuzz.h. */
#include "fuzz/fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void fuzz_expect(bool good, const char *format, ...)
{
    va_list args;

    if (good) {
        return;
    }
    va_start(args, format);
    (void)fputs("finding: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    abort();
}

struct slice fuzz_take(struct slice *input, size_t size)
{
    struct slice taken = slice_of(input->data, size < input->size ? size : input->size);

    *input = slice_from(*input, taken.size);
    return taken;
}

uint8_t fuzz_take_byte(struct slice *input)
{
    struct slice taken = fuzz_take(input, 1);

    return taken.size > 0 ? taken.data[0] : 0;
}
