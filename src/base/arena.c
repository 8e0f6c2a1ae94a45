/* Arenas: see arena.h. Blocks double from 4 KiB to 1 MiB; a larger wish gets a block of its own.
 *
 * Under the address sanitizer what is not handed out is poisoned, and a gap follows what is, so
 * that running over the end of it, or using it after a clear, is seen as with malloc. */
#include "base/arena.h"

#include "base/common.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_SIZE_MIN ((size_t)4096 - sizeof(struct arena_block))
#define BLOCK_SIZE_MAX ((size_t)1 << 20)
#define KEEP_SIZE_MAX ((size_t)64 << 10)

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define GAP ((size_t)16)
#define ALIGN_MIN ((size_t)8) /* The sanitizer remembers eight bytes at a time. */
#else
#define ASAN_POISON_MEMORY_REGION(bytes, size) ((void)(bytes), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(bytes, size) ((void)(bytes), (void)(size))
#define GAP ((size_t)0)
#define ALIGN_MIN ((size_t)1)
#endif

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

        ASAN_UNPOISON_MEMORY_REGION(block + 1, block->size);
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
    ASAN_POISON_MEMORY_REGION(block + 1, block->size);
    if (block->size > KEEP_SIZE_MAX) {
        free_blocks(block);
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
    if (block_size < size + 16 + GAP) {
        block_size = size + 16 + GAP;
    }
    block = malloc(sizeof(*block) + block_size);
    if (!block) {
        return NULL;
    }
    *block = (struct arena_block){.next = arena->blocks, .size = block_size};
    ASAN_POISON_MEMORY_REGION(block + 1, block->size);
    arena->blocks = block;
    return block;
}

static void *take(struct arena *arena, size_t size, size_t align)
{
    struct arena_block *block = arena->blocks;
    uint8_t *bytes;
    size_t start;

    align = align < ALIGN_MIN ? ALIGN_MIN : align;
    if (size > arena->size_max - arena->used) {
        return NULL;
    }
    start = block ? (block->used + align - 1) & ~(align - 1) : 0;
    if (!block || start + GAP > block->size || size > block->size - start - GAP) {
        block = add_block(arena, size);
        if (!block) {
            return NULL;
        }
        start = 0;
    }
    block->used = start + size + GAP;
    arena->used += size;
    bytes = (uint8_t *)(block + 1) + start;
    ASAN_UNPOISON_MEMORY_REGION(bytes, size);
    return bytes;
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
