/* Shared by the files of the log store: segments.c (both sides), segments_scan.c (opening),
 * segments_read.c. */
#ifndef REPLICA_SEGMENTS_INTERNAL_H
#define REPLICA_SEGMENTS_INTERNAL_H

#include "replica/segments.h"

#define SEGMENT_NAME_SIZE 40
#define SEGMENTS_MARK_EVERY (64 * KIB)
#define SEGMENTS_READ_CHUNK (256 * KIB)

struct segment {
    uint64_t sequence;
    uint64_t first_index;
    uint64_t previous_term;
    uint64_t file_size;
    uint64_t end;      /* Offset behind the last record planned. */
    uint64_t position; /* Bytes of records in all segments before it, counted from some start. */
};

/* Where the record of an index starts, in bytes of records: one every 64 KiB, for
 * segments_bytes_after. */
struct segments_mark {
    uint64_t index;
    uint64_t position;
};

enum segments_spare {
    SPARE_NONE,    /* The next segment has to be made. */
    SPARE_PENDING, /* A prepare is planned. */
    SPARE_READY,
    SPARE_FAILED, /* No space for it. */
};

/* What only the log side touches once segments_open has returned. */
struct segments_worker {
    int file; /* Of the newest segment, -1 = none yet. */
    uint64_t sequence;
    uint64_t file_size;
    uint64_t written; /* Offset up to which blocks have been written, be it with zeros. */
    int spare_file;   /* Of segment sequence + 1, synced, or -1. */
    bool announced;   /* The newest segment's successor page names it, synced. */
    uint64_t durable_index;
    struct err stopped; /* Why writes are refused. */
    uint8_t *bytes;     /* The batch being built. */
    size_t capacity;
};

struct segments {
    struct segments_options options;
    struct segment *items; /* Oldest first. */
    uint32_t count, capacity;
    struct segments_mark *marks; /* Ascending. */
    size_t mark_count, mark_capacity;
    uint64_t last_index, last_term;
    enum segments_spare spare;
    struct segments_worker worker;
};

/* What opening found at the end of the log that has to be mended. */
struct segments_mending {
    uint64_t doubtful; /* The newest segment may not be durable from this offset on. */
    bool torn;         /* It has bytes behind its last record... */
    uint64_t torn_end; /* ...up to this offset. */
    uint64_t unbegun;  /* The last file, which has no valid header; 0 = none. */
};

/* A window over a file. */
struct segments_reader {
    struct disk *disk;
    int file;
    uint8_t *bytes;
    size_t capacity;
    uint64_t start; /* The window holds [start, start + size). */
    size_t size;
};

/* "segment-0000000007". */
void segments_name(uint64_t sequence, char ret_name[SEGMENT_NAME_SIZE]);

/* Makes room for one more segment and for the marks of `size` bytes of records. ERR_NOMEM. */
enum err_code segments_reserve(struct segments *segments, size_t size, struct err *err) MUST_USE;

/* Notes a record in the newest segment's books. segments_reserve must have agreed. */
void segments_account(struct segments *segments, uint64_t index, uint64_t term, size_t size);

/* Cuts the torn tail, drops the file not begun, and makes durable what was found. The tail that was
 * cut is noted. ERR_IO, ERR_NO_SPACE, ERR_NOMEM. */
enum err_code segments_mend(struct segments *segments, const struct segments_mending *mending,
                            struct segments_found *found, struct err *err) MUST_USE;

/* The bytes at [offset, offset + size), fewer at the end of the file; borrowed until the next call.
 * ERR_IO, ERR_NOMEM. */
enum err_code segments_reader_at(struct segments_reader *reader, uint64_t offset, size_t size,
                                 struct slice *ret_bytes, struct err *err) MUST_USE;

/* The record at the offset; *ret_found false when there is no valid one. ERR_IO, ERR_NOMEM. */
enum err_code segments_reader_record(struct segments_reader *reader, uint64_t offset,
                                     struct record *ret_record, bool *ret_found,
                                     struct err *err) MUST_USE;

/* Whether all bytes are zero. */
bool segments_is_zero(struct slice bytes);

/* The offset behind the file's last byte that is not zero, at or after `from`; `from` when all are
 * zero. ERR_IO, ERR_NOMEM. */
enum err_code segments_reader_end(struct segments_reader *reader, uint64_t from, uint64_t *ret_end,
                                  struct err *err) MUST_USE;

/* Frees the window; the file stays the caller's. Takes a zeroed struct. */
void segments_reader_done(struct segments_reader *reader);

#endif
