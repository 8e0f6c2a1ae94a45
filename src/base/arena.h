/* A region of memory that is freed as a whole: one for each request, log entry and query.
 *
 * It has a limit; over it arena_alloc returns NULL, which callers turn into ERR_NOMEM or
 * ERR_TOO_LARGE. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* Newest first. */
    size_t used;                /* Bytes handed out since the last clear. */
    size_t size_max;            /* Bytes that may be handed out. */
};

/* Prepares an empty arena that hands out at most size_max bytes. Allocates nothing. Any thread. */
void arena_init(struct arena *arena, size_t size_max);

/* Frees everything; the arena may be used again after arena_init. Takes a zeroed arena. Any thread.
 */
void arena_done(struct arena *arena);

/* Forgets all allocations, keeps one block of memory for reuse. Any thread. */
void arena_clear(struct arena *arena);

/* `size` zeroed bytes aligned to 16, or NULL over the limit or out of memory. Any thread. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc));

/* As arena_alloc for count * size, checked for overflow. Any thread. */
void *arena_array(struct arena *arena, size_t count, size_t size) __attribute__((malloc));

/* Uninitialised bytes aligned to 1: for copies of text. Any thread. */
void *arena_bytes(struct arena *arena, size_t size) __attribute__((malloc));

/* Copies bytes into the arena. False over the limit or out of memory. Any thread. */
bool arena_copy(struct arena *arena, struct slice bytes, struct slice *ret_copy);

/* A printf into the arena, NUL-terminated; NULL over the limit. Any thread. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
