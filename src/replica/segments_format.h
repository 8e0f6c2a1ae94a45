/* The bytes of the log: segment headers, records and meta slots, in and out. No I/O;
 * docs/formats/log.md. */
#ifndef REPLICA_SEGMENTS_FORMAT_H
#define REPLICA_SEGMENTS_FORMAT_H

#include "base/common.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"

#define SEGMENT_HEADER_SIZE ((size_t)4096)
#define SEGMENT_CONFIGURATION_MAX (SEGMENT_HEADER_SIZE - 72)
#define SEGMENT_SUCCESSOR_SIZE ((size_t)4096)
#define SEGMENT_RECORDS_OFFSET (SEGMENT_HEADER_SIZE + SEGMENT_SUCCESSOR_SIZE)
#define SEGMENT_SIZE_MIN (SEGMENT_RECORDS_OFFSET + (size_t)8192)
#define RECORD_HEADER_SIZE ((size_t)48)
#define RECORD_SIZE_MAX (RECORD_HEADER_SIZE + ENTRY_SIZE_MAX)
#define META_SLOT_SIZE ((size_t)64)

/* Stored; equal to libraft's numbers, which driver.c asserts. */
enum record_type {
    RECORD_COMMAND = 1,
    RECORD_BARRIER = 2,
    RECORD_CHANGE = 3,
};

struct segment_header {
    uint64_t cluster_id;
    uint64_t sequence;
    uint64_t first_index;
    uint64_t previous_term; /* Of entry first_index - 1; 0 when there is none. */
    uint64_t file_size;
    uint64_t configuration_index; /* Of the newest change below first_index; 0 = none. */
    struct slice configuration;   /* As libraft encodes it. Borrowed from the bytes decoded. */
};

/* What a segment says of the file that follows it, from when that file is durable. */
struct segment_successor {
    uint64_t cluster_id;
    uint64_t sequence;
    uint64_t file_size;
};

struct record {
    enum record_type type;
    uint64_t index;
    uint64_t term;
    uint64_t cluster_id;
    uint64_t durable_index; /* All entries up to it were synced before this one was written. */
    struct slice payload;   /* Borrowed. */
};

struct meta_slot {
    uint64_t cluster_id;
    uint64_t sequence; /* The higher one is the newer. */
    uint64_t term;
    uint64_t vote; /* Node id, 0 = none. */
    uint64_t durable_index;
};

/* Bytes of a record with a payload of this size, padding included. Any thread. */
size_t record_size(size_t payload_size);

/* Writes record_size(record->payload.size) bytes. The payload is at most ENTRY_SIZE_MAX. Any
 * thread. */
void record_encode(const struct record *record, uint8_t *ret_bytes);

/* The length field of a record header: how many bytes record_decode wants to see. 0 when it is out
 * of bounds. */
size_t record_peek_size(const uint8_t header[RECORD_HEADER_SIZE]);

/* Reads the record at the start of the bytes; the payload is borrowed from them. False when it is
 * not complete, its checksum is wrong, or a field is out of its range. Any thread. */
bool record_decode(struct slice bytes, struct record *ret_record);

/* Writes SEGMENT_HEADER_SIZE bytes. The configuration is at most SEGMENT_CONFIGURATION_MAX. Any
 * thread. */
void segment_header_encode(const struct segment_header *header, uint8_t *ret_bytes);

/* ERR_CORRUPT: not a header, damaged; ERR_UNSUPPORTED: another version. Any thread. */
enum err_code segment_header_decode(struct slice bytes, struct segment_header *ret_header,
                                    struct err *err) MUST_USE;

/* Writes SEGMENT_SUCCESSOR_SIZE bytes. Any thread. */
void segment_successor_encode(const struct segment_successor *successor, uint8_t *ret_bytes);

/* False when the bytes are no whole page of this kind, or damaged: zeros are none. Any thread. */
bool segment_successor_decode(struct slice bytes, struct segment_successor *ret_successor);

/* Writes META_SLOT_SIZE bytes. Any thread. */
void meta_slot_encode(const struct meta_slot *slot, uint8_t *ret_bytes);

/* ERR_CORRUPT: not a slot, damaged; ERR_UNSUPPORTED: another version. Any thread. */
enum err_code meta_slot_decode(struct slice bytes, struct meta_slot *ret_slot,
                               struct err *err) MUST_USE;

#endif
