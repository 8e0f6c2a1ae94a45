/* Planted failures of malloc and realloc, for a test program that includes this in one file.
 *
 * The definitions here win over the shared library's; only calls from this executable fail.
 * Sanitizers bring their own allocator: in their builds nothing fails, and alloc_faults_work is
 * false. */
#ifndef TESTS_UNIT_ALLOC_FAULTS_H
#define TESTS_UNIT_ALLOC_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Counts down; the call that reaches 0 fails. 0 = never. */
static size_t alloc_fail_at;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

static const bool alloc_faults_work = false;

#else

static const bool alloc_faults_work = true;

extern const char __executable_start;
extern const char etext;
void *__libc_malloc(size_t size);
void *__libc_realloc(void *bytes, size_t size);

static bool alloc_must_fail(const void *caller)
{
    if ((uintptr_t)caller < (uintptr_t)&__executable_start ||
        (uintptr_t)caller >= (uintptr_t)&etext || alloc_fail_at == 0) {
        return false;
    }
    return --alloc_fail_at == 0;
}

void *malloc(size_t size)
{
    return alloc_must_fail(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *realloc(void *bytes, size_t size)
{
    return alloc_must_fail(__builtin_return_address(0)) ? NULL : __libc_realloc(bytes, size);
}

#endif

#endif
