/* Shrinking: see shrink.h. Halves first, then ever smaller pieces, until no byte can go. */
#include "fuzz/shrink.h"

#include "base/common.h"
#include "fuzz/finding.h"
#include "fuzz/fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: whatever it says is of no interest now. */
static void try_quietly(struct slice input)
{
    uint8_t *copy = malloc(input.size);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (null < 0 || dup2(null, STDERR_FILENO) < 0 || (!copy && input.size > 0)) {
        _exit(EXIT_SUCCESS);
    }
    if (input.size > 0) {
        memcpy(copy, input.data, input.size);
    }
    (void)alarm(FINDING_SLOW_S);
    (void)LLVMFuzzerTestOneInput(copy, input.size);
    _exit(EXIT_SUCCESS);
}

static bool fails(struct slice input)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        try_quietly(input);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status != 0;
}

/* Takes pieces of that size away where that is possible; true when it was. */
static bool take_away(struct buf *small, size_t piece)
{
    bool less = false;
    struct buf part;

    buf_init(&part, small->size_max);
    for (size_t at = 0; at < small->size;) {
        size_t size = piece < small->size - at ? piece : small->size - at;

        buf_clear(&part);
        (void)buf_add(&part, small->data, at);
        (void)buf_add_slice(&part, slice_from(buf_slice(small), at + size));
        if (fails(buf_slice(&part))) {
            buf_clear(small);
            (void)buf_add_slice(small, buf_slice(&part));
            less = true;
        } else {
            at += size;
        }
    }
    buf_done(&part);
    return less;
}

bool shrink(struct slice input, struct buf *ret_small)
{
    size_t piece = input.size;

    if (!fails(input)) {
        return false;
    }
    buf_clear(ret_small);
    (void)buf_add_slice(ret_small, input);
    while (piece > 0) {
        if (!take_away(ret_small, piece) || piece > ret_small->size) {
            piece /= 2;
        }
    }
    return !ret_small->failed;
}
