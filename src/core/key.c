/* Job ids, keys and lease tokens: see key.h. */
#include "core/key.h"

#include "base/reply.h"

#include <xxhash.h>

#define ID_PREFIX "job_"
#define ID_PREFIX_SIZE 4
#define TIME_DIGITS 16
#define SEQ_DIGITS 10
#define ID_DIGITS (TIME_DIGITS + SEQ_DIGITS)
#define EPOCH_DIGITS_MAX 10

static void write_number(uint8_t *bytes, uint64_t number, uint32_t size)
{
    for (uint32_t i = size; i > 0; i--) {
        bytes[i - 1] = (uint8_t)number;
        number >>= 8;
    }
}

static uint64_t read_number(const uint8_t *bytes, uint32_t size)
{
    uint64_t number = 0;

    for (uint32_t i = 0; i < size; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

struct row_key job_row_key(struct job_key key)
{
    struct row_key row = {.size = JOB_KEY_SIZE};

    assert(key.seq <= JOB_SEQ_MAX);
    write_number(row.bytes, key.time_ns, 8);
    write_number(row.bytes + 8, key.seq, 5);
    return row;
}

struct row_key job_part_key(struct job_key key, uint32_t number)
{
    struct row_key row = job_row_key(key);

    write_number(row.bytes + JOB_KEY_SIZE, number, 4);
    row.size = JOB_KEY_SIZE + 4;
    return row;
}

struct row_key number_row_key(uint64_t number)
{
    struct row_key row = {.size = 8};

    write_number(row.bytes, number, 8);
    return row;
}

struct row_key pair_row_key(uint64_t first, uint64_t second)
{
    struct row_key row = number_row_key(first);

    write_number(row.bytes + 8, second, 8);
    row.size = 16;
    return row;
}

bool pair_key_read(struct slice bytes, uint64_t *ret_first, uint64_t *ret_second)
{
    if (bytes.size != 16) {
        return false;
    }
    *ret_first = read_number(bytes.data, 8);
    *ret_second = read_number(bytes.data + 8, 8);
    return true;
}

struct row_key lock_row_key(uint64_t queue, struct slice unique_key)
{
    XXH128_hash_t hash = XXH3_128bits(unique_key.data, unique_key.size);
    struct row_key row = number_row_key(queue);

    write_number(row.bytes + 8, hash.high64, 8);
    write_number(row.bytes + 16, hash.low64, 8);
    row.size = 24;
    return row;
}

bool job_key_read(struct slice bytes, struct job_key *ret_key)
{
    if (bytes.size < JOB_KEY_SIZE) {
        return false;
    }
    ret_key->time_ns = read_number(bytes.data, 8);
    ret_key->seq = read_number(bytes.data + 8, 5);
    return true;
}

bool number_key_read(struct slice bytes, uint64_t *ret_number)
{
    if (bytes.size != 8) {
        return false;
    }
    *ret_number = read_number(bytes.data, 8);
    return true;
}

struct row_key purge_row_key(uint64_t at_ns, struct job_key key)
{
    struct row_key job = job_row_key(key);
    struct row_key row = number_row_key(at_ns);

    memcpy(row.bytes + 8, job.bytes, job.size);
    row.size = 8 + JOB_KEY_SIZE;
    return row;
}

bool purge_key_read(struct slice bytes, uint64_t *ret_at_ns, struct job_key *ret_key)
{
    return bytes.size == 8 + JOB_KEY_SIZE && number_key_read(slice_of(bytes.data, 8), ret_at_ns) &&
           job_key_read(slice_from(bytes, 8), ret_key);
}

static bool read_hex(struct slice text, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.size; i++) {
        uint8_t digit = text.data[i];

        if (digit >= '0' && digit <= '9') {
            number = number << 4 | (uint64_t)(digit - '0');
        } else if (digit >= 'a' && digit <= 'f') {
            number = number << 4 | (uint64_t)(digit - 'a' + 10);
        } else {
            return false;
        }
    }
    *ret_number = number;
    return true;
}

static bool read_digits(struct slice text, struct job_key *ret_key)
{
    struct job_key key;

    if (text.size != ID_DIGITS || !read_hex(slice_of(text.data, TIME_DIGITS), &key.time_ns) ||
        !read_hex(slice_of(text.data + TIME_DIGITS, SEQ_DIGITS), &key.seq)) {
        return false;
    }
    *ret_key = key;
    return true;
}

bool job_id_parse(struct slice text, struct job_key *ret_key)
{
    if (text.size != ID_PREFIX_SIZE + ID_DIGITS ||
        memcmp(text.data, ID_PREFIX, ID_PREFIX_SIZE) != 0) {
        return false;
    }
    return read_digits(slice_from(text, ID_PREFIX_SIZE), ret_key);
}

struct slice job_id_text(struct job_key key, struct arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    struct row_key row = job_row_key(key);
    char *text = arena_bytes(arena, ID_PREFIX_SIZE + ID_DIGITS);

    if (!text) {
        return slice_of(NULL, 0);
    }
    memcpy(text, ID_PREFIX, ID_PREFIX_SIZE);
    for (uint32_t i = 0; i < JOB_KEY_SIZE; i++) {
        text[ID_PREFIX_SIZE + 2 * i] = digits[row.bytes[i] >> 4];
        text[ID_PREFIX_SIZE + 2 * i + 1] = digits[row.bytes[i] & 15];
    }
    return slice_of(text, ID_PREFIX_SIZE + ID_DIGITS);
}

struct slice lease_token_text(struct job_key key, uint32_t epoch, struct arena *arena)
{
    struct slice id = job_id_text(key, arena);

    if (!id.data) {
        return id;
    }
    return slice_text(arena_printf(arena, "%.*s.%u", ID_DIGITS, id.data + ID_PREFIX_SIZE, epoch));
}

static bool read_epoch(struct slice text, uint32_t *ret_epoch)
{
    uint64_t epoch = 0;

    if (text.size == 0 || text.size > EPOCH_DIGITS_MAX || text.data[0] == '0') {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        epoch = epoch * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_epoch = (uint32_t)epoch;
    return epoch <= UINT32_MAX;
}

enum err_code lease_token_parse(struct slice text, struct job_key *ret_key, uint32_t *ret_epoch,
                                struct err *err)
{
    struct job_key key;
    uint32_t epoch;

    if (text.size <= ID_DIGITS || text.data[ID_DIGITS] != '.' ||
        !read_digits(slice_of(text.data, ID_DIGITS), &key) ||
        !read_epoch(slice_from(text, ID_DIGITS + 1), &epoch)) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "lease_token is not a lease token");
    }
    *ret_key = key;
    *ret_epoch = epoch;
    return ERR_NONE;
}
