/* The callbacks that instrumented code calls: see coverage.h. This file must not be instrumented
 * itself. */
#include "fuzz/coverage.h"

#include "base/common.h"

#define MAP_SIZE ((uint32_t)1 << 17)

/* A count's order of magnitude is a bit: 1, 2, 3, 4-7, 8-15, 16-31, 32-127, 128 and more. */
static uint8_t counts[MAP_SIZE];   /* Of this run, by edge. */
static uint8_t seen[MAP_SIZE];     /* Magnitudes of all runs. */
static uint32_t touched[MAP_SIZE]; /* Edges of this run. */
static uint32_t touched_count;
static uint32_t edge_count;
static uintptr_t previous;

static struct mutate_compare compares[COVERAGE_COMPARES];
static uint32_t compare_next;

/* Where the program is loaded: differences of addresses are the same in every run. */
extern const char __executable_start[];

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_cmp1(uint8_t a, uint8_t b);
void __sanitizer_cov_trace_cmp2(uint16_t a, uint16_t b);
void __sanitizer_cov_trace_cmp4(uint32_t a, uint32_t b);
void __sanitizer_cov_trace_cmp8(uint64_t a, uint64_t b);
void __sanitizer_cov_trace_const_cmp1(uint8_t a, uint8_t b);
void __sanitizer_cov_trace_const_cmp2(uint16_t a, uint16_t b);
void __sanitizer_cov_trace_const_cmp4(uint32_t a, uint32_t b);
void __sanitizer_cov_trace_const_cmp8(uint64_t a, uint64_t b);
void __sanitizer_cov_trace_cmpf(float a, float b);
void __sanitizer_cov_trace_cmpd(double a, double b);
void __sanitizer_cov_trace_switch(uint64_t value, void *cases);

void __sanitizer_cov_trace_pc(void)
{
    uintptr_t here =
        (uintptr_t)__builtin_return_address(0) - (uintptr_t)(const void *)__executable_start;
    uint32_t edge;

    here *= (uintptr_t)UINT64_C(0x9e3779b97f4a7c15);
    here >>= 40;
    edge = (uint32_t)(here ^ previous) % MAP_SIZE;
    previous = here >> 1;
    if (counts[edge] == 0) {
        touched[touched_count++] = edge;
    }
    counts[edge] = (uint8_t)(counts[edge] + (counts[edge] < UINT8_MAX));
}

static void note_compare(uint64_t a, uint64_t b, uint8_t size)
{
    struct mutate_compare *row = &compares[compare_next % COVERAGE_COMPARES];

    if (a != b) {
        *row = (struct mutate_compare){.have = a, .want = b, .size = size};
        compare_next++;
    }
}

/* Which of two variables came from the input is not known: now one, now the other. */
static void note_either(uint64_t a, uint64_t b, uint8_t size)
{
    if (compare_next % 2) {
        note_compare(a, b, size);
    } else {
        note_compare(b, a, size);
    }
}

void __sanitizer_cov_trace_cmp1(uint8_t a, uint8_t b)
{
    note_either(a, b, 1);
}

void __sanitizer_cov_trace_cmp2(uint16_t a, uint16_t b)
{
    note_either(a, b, 2);
}

void __sanitizer_cov_trace_cmp4(uint32_t a, uint32_t b)
{
    note_either(a, b, 4);
}

void __sanitizer_cov_trace_cmp8(uint64_t a, uint64_t b)
{
    note_either(a, b, 8);
}

/* The first one is the constant. */
void __sanitizer_cov_trace_const_cmp1(uint8_t a, uint8_t b)
{
    note_compare(b, a, 1);
}

void __sanitizer_cov_trace_const_cmp2(uint16_t a, uint16_t b)
{
    note_compare(b, a, 2);
}

void __sanitizer_cov_trace_const_cmp4(uint32_t a, uint32_t b)
{
    note_compare(b, a, 4);
}

void __sanitizer_cov_trace_const_cmp8(uint64_t a, uint64_t b)
{
    note_compare(b, a, 8);
}

void __sanitizer_cov_trace_cmpf(float a, float b)
{
    (void)a;
    (void)b;
}

void __sanitizer_cov_trace_cmpd(double a, double b)
{
    (void)a;
    (void)b;
}

/* `cases` are how many, the width in bits, then the constants. */
void __sanitizer_cov_trace_switch(uint64_t value, void *cases)
{
    const uint64_t *numbers = cases;
    uint64_t count = numbers[0];

    if (count > 0) {
        note_compare(value, numbers[2 + compare_next % count], (uint8_t)(numbers[1] / 8));
    }
}

void coverage_start(void)
{
    for (uint32_t i = 0; i < touched_count; i++) {
        counts[touched[i]] = 0;
    }
    touched_count = 0;
    previous = 0;
}

static uint8_t magnitude(uint8_t count)
{
    static const uint8_t least[] = {1, 2, 3, 4, 8, 16, 32, 128};
    uint32_t bit = 0;

    while (bit + 1 < ARRAY_COUNT(least) && count >= least[bit + 1]) {
        bit++;
    }
    return (uint8_t)(1u << bit);
}

enum coverage_news coverage_end(void)
{
    uint32_t count = touched_count;
    enum coverage_news news = COVERAGE_OLD;

    for (uint32_t i = 0; i < count; i++) {
        uint8_t *known = &seen[touched[i]];
        uint8_t bit = magnitude(counts[touched[i]]);

        if (*known == 0) {
            edge_count++;
            news = COVERAGE_EDGE;
        } else if (!(*known & bit) && news == COVERAGE_OLD) {
            news = COVERAGE_TIMES;
        }
        *known |= bit;
    }
    return news;
}

uint32_t coverage_edges(void)
{
    return edge_count;
}

const struct mutate_compare *coverage_compares(void)
{
    return compares;
}
