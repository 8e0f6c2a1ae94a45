/* The tables that rows are kept in. The position of a table is its number in stores and in the
 * state hash: never reused. */
#ifndef CORE_TABLES_H
#define CORE_TABLES_H

#include "core/kv.h"

enum table {
    TABLE_META,    /* "meta" -> struct meta_row. One row, rewritten by each entry. */
    TABLE_QUEUE,   /* 8-byte queue number -> struct queue_row. */
    TABLE_JOB,     /* Job key -> struct job: live jobs only. */
    TABLE_PAYLOAD, /* Job key -> the client's bytes; none when the payload is the default {}. */
    TABLE_MORE,    /* Job key -> struct job_more: what few jobs have. */
    TABLE_ERROR,   /* Job key + 4-byte error id -> struct error_row. */
    TABLE_DONE,    /* Job key -> struct job with its result: terminal jobs. */
    TABLE_EVENT,  /* 8-byte seq of the first event -> struct event_pack: the events of one entry. */
    TABLE_LOCK,   /* Queue number, 16-byte hash of a unique key -> struct lock_row. */
    TABLE_WINDOW, /* Queue number, instant (8 bytes each) -> struct window_row. */
    TABLE_KEPT,   /* 0x00 + key -> struct kept_row; 0x01 + 8-byte number -> struct kept_age. */
    TABLE_PURGE,  /* Instant (8 bytes), job key -> one byte: done jobs with an own retention. */
    TABLE_COUNT
};

#endif
