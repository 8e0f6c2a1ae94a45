/* Random changes: see mutate.h. */
#include "fuzz/mutate.h"

#include "base/common.h"

#define COPY_MAX 32
#define DIGIT_SEEK_MAX 64

/* The state of one change. */
struct change {
    struct mutator *mutator;
    uint8_t *bytes;
    size_t size;
    size_t size_max;
};

uint64_t mutate_random(struct mutator *mutator, uint64_t below)
{
    uint64_t state = mutator->state;

    assert(state != 0 && below != 0);
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    mutator->state = state;
    return state % below;
}

/* A place in the input; the end counts as one. */
static size_t any_place(struct change *change)
{
    return (size_t)mutate_random(change->mutator, change->size + 1);
}

static void overwrite(struct change *change, size_t at, struct slice piece)
{
    size_t end = at + piece.size;

    if (piece.size == 0 || end > change->size_max) {
        return;
    }
    memcpy(change->bytes + at, piece.data, piece.size);
    change->size = end > change->size ? end : change->size;
}

static void insert(struct change *change, size_t at, struct slice piece)
{
    if (piece.size == 0 || piece.size > change->size_max - change->size) {
        return;
    }
    memmove(change->bytes + at + piece.size, change->bytes + at, change->size - at);
    memcpy(change->bytes + at, piece.data, piece.size);
    change->size += piece.size;
}

static void cut(struct change *change, size_t at, size_t size)
{
    memmove(change->bytes + at, change->bytes + at + size, change->size - at - size);
    change->size -= size;
}

static struct slice any_word(struct change *change)
{
    struct mutator *mutator = change->mutator;

    if (mutator->word_count == 0) {
        return slice_of(NULL, 0);
    }
    return mutator->words[mutate_random(mutator, mutator->word_count)];
}

static void change_end(struct change *change)
{
    change->size = any_place(change);
}

static void change_bit(struct change *change)
{
    size_t at = any_place(change);

    if (at < change->size) {
        change->bytes[at] ^= (uint8_t)(1u << mutate_random(change->mutator, 8));
    }
}

static void change_byte(struct change *change)
{
    uint8_t byte = (uint8_t)mutate_random(change->mutator, 256);

    overwrite(change, any_place(change), slice_of(&byte, 1));
}

/* A step up or down: lengths, tags and counts are off by a little. */
static void change_step(struct change *change)
{
    size_t at = any_place(change);

    if (at < change->size) {
        change->bytes[at] = (uint8_t)(change->bytes[at] + mutate_random(change->mutator, 9) - 4);
    }
}

static void insert_word(struct change *change)
{
    insert(change, any_place(change), any_word(change));
}

static void overwrite_word(struct change *change)
{
    overwrite(change, any_place(change), any_word(change));
}

static void insert_copy(struct change *change)
{
    size_t from = any_place(change);
    size_t size = (size_t)mutate_random(change->mutator, COPY_MAX) + 1;
    uint8_t copy[COPY_MAX];

    size = size < change->size - from ? size : change->size - from;
    memcpy(copy, change->bytes + from, size);
    insert(change, any_place(change), slice_of(copy, size));
}

static void remove_piece(struct change *change)
{
    size_t from = any_place(change);
    size_t size = (size_t)mutate_random(change->mutator, COPY_MAX) + 1;

    cut(change, from, size < change->size - from ? size : change->size - from);
}

/* Another number where decimal digits are. */
static void change_digits(struct change *change)
{
    size_t from = any_place(change);

    for (size_t at = from; at < change->size && at < from + DIGIT_SEEK_MAX; at++) {
        if (change->bytes[at] >= '0' && change->bytes[at] <= '9') {
            change->bytes[at] = (uint8_t)('0' + mutate_random(change->mutator, 10));
            return;
        }
    }
}

static void put_number(uint64_t number, size_t size, bool big_endian, uint8_t *ret_bytes)
{
    for (size_t i = 0; i < size; i++) {
        ret_bytes[big_endian ? size - 1 - i : i] = (uint8_t)(number >> (8 * i));
    }
}

/* Gives a comparison what it wanted, where the input has what it got. */
static void follow_compare(struct change *change)
{
    struct mutator *mutator = change->mutator;
    struct mutate_compare compare;
    bool big_endian = mutate_random(mutator, 2) == 1;
    uint8_t have[8];
    uint8_t want[8];
    const uint8_t *at;
    size_t from;

    if (mutator->compare_count == 0) {
        change_byte(change);
        return;
    }
    compare = mutator->compares[mutate_random(mutator, mutator->compare_count)];
    if (compare.size == 0) {
        return;
    }
    put_number(compare.have, compare.size, big_endian, have);
    put_number(compare.want, compare.size, big_endian, want);
    from = any_place(change);
    at = memmem(change->bytes + from, change->size - from, have, compare.size);
    if (!at) {
        at = memmem(change->bytes, change->size, have, compare.size);
    }
    if (at) {
        overwrite(change, (size_t)(at - change->bytes), slice_of(want, compare.size));
    }
}

typedef void (*change_fn)(struct change *change);

static const change_fn changes[] = {
    change_end,     change_bit,   change_byte,    change_step,   insert_word,
    overwrite_word, insert_copy,  remove_piece,   change_digits, follow_compare,
    insert_word,    remove_piece, follow_compare,
};

size_t mutate(struct mutator *mutator, uint8_t *bytes, size_t size, size_t size_max)
{
    struct change change = {.mutator = mutator, .bytes = bytes, .size = size, .size_max = size_max};

    assert(size <= size_max);
    changes[mutate_random(mutator, ARRAY_COUNT(changes))](&change);
    assert(change.size <= size_max);
    return change.size;
}

size_t mutate_splice(struct mutator *mutator, uint8_t *bytes, size_t size, size_t size_max,
                     struct slice other)
{
    size_t at = (size_t)mutate_random(mutator, size + 1);
    struct slice end = slice_from(other, (size_t)mutate_random(mutator, other.size + 1));
    size_t fits = end.size < size_max - at ? end.size : size_max - at;

    if (fits > 0) {
        memcpy(bytes + at, end.data, fits);
    }
    return at + fits;
}
