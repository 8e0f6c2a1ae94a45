/* Job ids, their keys in tables, and lease tokens.
 *
 * Id: "job_" + 16 hex of the creation time in ns + 10 hex of the job sequence. Key: the same two
 * numbers big-endian, 8 + 5 bytes, so keys ascend with creation. Lease token: the id's 26 hex, '.',
 * the epoch in decimal. */
#ifndef CORE_KEY_H
#define CORE_KEY_H

#include "base/arena.h"
#include "base/common.h"
#include "base/err.h"
#include "base/slice.h"

#define JOB_KEY_SIZE 13
#define JOB_SEQ_MAX ((UINT64_C(1) << 40) - 1)
#define KEY_SIZE_MAX 32

struct job_key {
    uint64_t time_ns; /* When it was made. */
    uint64_t seq;     /* 1 .. JOB_SEQ_MAX; never the same twice. */
};

/* A key of any table, by value. */
struct row_key {
    uint8_t size;
    uint8_t bytes[KEY_SIZE_MAX];
};

/* The bytes of a key, borrowed. Any thread. */
static inline struct slice row_key_slice(const struct row_key *key)
{
    return slice_of(key->bytes, key->size);
}

/* The table key of a job. Any thread. */
struct row_key job_row_key(struct job_key key);

/* A job's key followed by a number, 13 + 4 bytes: its error records. Any thread. */
struct row_key job_part_key(struct job_key key, uint32_t number);

/* One number, 8 bytes. Any thread. */
struct row_key number_row_key(uint64_t number);

/* Two numbers, 8 + 8 bytes. Any thread. */
struct row_key pair_row_key(uint64_t first, uint64_t second);

/* The numbers of such a key; false when it is not 16 bytes. Any thread. */
bool pair_key_read(struct slice bytes, uint64_t *ret_first, uint64_t *ret_second);

/* The lock of a unique key: the queue's number, 8 bytes, and the key's XXH3-128. Any thread. */
struct row_key lock_row_key(uint64_t queue, struct slice unique_key);

/* An instant and a job's key, 8 + 13 bytes: done jobs in the order of when they go. Any thread. */
struct row_key purge_row_key(uint64_t at_ns, struct job_key key);

/* What such a key says; false when it is not 21 bytes. Any thread. */
bool purge_key_read(struct slice bytes, uint64_t *ret_at_ns, struct job_key *ret_key);

/* The job of a table key of at least JOB_KEY_SIZE bytes; false when it is shorter. Any thread. */
bool job_key_read(struct slice bytes, struct job_key *ret_key);

/* The number of an 8-byte table key; false when it is not 8 bytes. Any thread. */
bool number_key_read(struct slice bytes, uint64_t *ret_number);

/* "job_..." to a key; false when it is not one (only lower-case hex is). Any thread. */
bool job_id_parse(struct slice text, struct job_key *ret_key);

/* A key to "job_..." in the arena; the empty slice when that is full. Any thread. */
struct slice job_id_text(struct job_key key, struct arena *arena);

/* The lease token in the arena; the empty slice when that is full. Any thread. */
struct slice lease_token_text(struct job_key key, uint32_t epoch, struct arena *arena);

/* Takes a lease token apart. ERR_INVALID (REPLY_VALIDATION_ERROR) when it is not one. Any thread.
 */
enum err_code lease_token_parse(struct slice text, struct job_key *ret_key, uint32_t *ret_epoch,
                                struct err *err) MUST_USE;

#endif
