/* The canary: a target with a planted bug that only guidance finds soon, one letter after the
 * other. It must fail; a suite of fuzzers in which it does not is not at work. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#define SECRET_SIZE 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *room = malloc(SECRET_SIZE);
    size_t at = 0;

    if (!room) {
        return 0;
    }
    if (size > 0 && data[0] == 'b') {
        at++;
        if (size > 1 && data[1] == 'i') {
            at++;
            if (size > 2 && data[2] == 'r') {
                at++;
                if (size > 3 && data[3] == 'd') {
                    at++; /* Behind the block: the sanitizer says so. */
                }
            }
        }
    }
    *(volatile uint8_t *)(room + at) = 1;
    free(room);
    return 0;
}
