/* Arenas: see arena.h. Blocks double from 4 KiB to 1 MiB; a larger wish gets a block of its own. */
#include "base/arena.h"

#include "base/common.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_SIZE_MIN ((size_t)4096 - sizeof(struct arena_block))
#define BLOCK_SIZE_MAX ((size_t)1 << 20)
#define KEEP_SIZE_MAX ((size_t)64 << 10)

struct arena_block {
    struct arena_block *next;
    size_t size; /* Bytes behind this header. */
    size_t used;
    size_t padding; /* Keeps the bytes behind the header aligned to 16. */
};

static_assert(sizeof(struct arena_block) % 16 == 0, "arena blocks keep the alignment");

void arena_init(struct arena *arena, size_t size_max)
{
    *arena = (struct arena){.size_max = size_max};
}

static void free_blocks(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;

        free(block);
        block = next;
    }
}

void arena_done(struct arena *arena)
{
    free_blocks(arena->blocks);
    *arena = (struct arena){.size_max = arena->size_max};
}

void arena_clear(struct arena *arena)
{
    struct arena_block *block = arena->blocks;

    arena->used = 0;
    if (!block) {
        return;
    }
    free_blocks(block->next);
    block->next = NULL;
    block->used = 0;
    if (block->size > KEEP_SIZE_MAX) {
        free(block);
        arena->blocks = NULL;
    }
}

static struct arena_block *add_block(struct arena *arena, size_t size)
{
    size_t block_size = arena->blocks ? arena->blocks->size * 2 : BLOCK_SIZE_MIN;
    struct arena_block *block;

    if (size > SIZE_MAX / 2) {
        return NULL; /* So that the sums below can not wrap. */
    }
    if (block_size > BLOCK_SIZE_MAX) {
        block_size = BLOCK_SIZE_MAX;
    }
    if (block_size < size + 16) {
        block_size = size + 16;
    }
    block = malloc(sizeof(*block) + block_size);
    if (!block) {
        return NULL;
    }
    *block = (struct arena_block){.next = arena->blocks, .size = block_size};
    arena->blocks = block;
    return block;
}

static void *take(struct arena *arena, size_t size, size_t align)
{
    struct arena_block *block = arena->blocks;
    size_t start;

    if (size > arena->size_max - arena->used) {
        return NULL;
    }
    start = block ? (block->used + align - 1) & ~(align - 1) : 0;
    if (!block || start > block->size || size > block->size - start) {
        block = add_block(arena, size);
        if (!block) {
            return NULL;
        }
        start = 0;
    }
    block->used = start + size;
    arena->used += size;
    return (uint8_t *)(block + 1) + start;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *bytes = take(arena, size, 16);

    if (bytes) {
        memset(bytes, 0, size);
    }
    return bytes;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    return arena_alloc(arena, total);
}

void *arena_bytes(struct arena *arena, size_t size)
{
    return take(arena, size, 1);
}

bool arena_copy(struct arena *arena, struct slice bytes, struct slice *ret_copy)
{
    uint8_t *copy = arena_bytes(arena, bytes.size);

    if (!copy) {
        return false;
    }
    if (bytes.size) {
        memcpy(copy, bytes.data, bytes.size);
    }
    *ret_copy = slice_of(copy, bytes.size);
    return true;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    char *text;
    int size;

    va_start(args, format);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(size >= 0);
    text = arena_bytes(arena, (size_t)size + 1);
    if (!text) {
        return NULL;
    }
    va_start(args, format);
    (void)vsnprintf(text, (size_t)size + 1, format, args);
    va_end(args);
    return text;
}
