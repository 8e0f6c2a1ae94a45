/* What a search asks for: the body of POST /jobs/search (reference 3.6, additions A16), as read and
 * as checked. Everything that is given has to match. */
#ifndef VIEW_SEARCH_H
#define VIEW_SEARCH_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/common.h"
#include "base/err.h"
#include "wire/field.h"

/* Written into cursors: never renumbered. */
enum search_sort {
    SEARCH_BY_CREATED_AT,
    SEARCH_BY_PRIORITY,
    SEARCH_BY_STARTED_AT,
    SEARCH_BY_COMPLETED_AT,
    SEARCH_BY_ATTEMPT,
    SEARCH_SORT_COUNT
};

enum search_order { SEARCH_DESC, SEARCH_ASC };

enum search_count { SEARCH_COUNT_NONE, SEARCH_COUNT_EXACT };

/* What the times are of, in the order of search_body.after and .before. */
enum search_time {
    SEARCH_CREATED,
    SEARCH_SCHEDULED,
    SEARCH_STARTED,
    SEARCH_COMPLETED,
    SEARCH_EXPIRE,
    SEARCH_HELD,
    SEARCH_TIME_COUNT
};

/* Bits of search_body.has: 1 + bit number. */
enum search_bit {
    SEARCH_HAS_PRIORITY = 1,
    SEARCH_HAS_ATTEMPT_MIN,
    SEARCH_HAS_ATTEMPT_MAX,
    SEARCH_HAS_CHAIN_STEP,
    SEARCH_HAS_HOLD_KIND,
    SEARCH_HAS_LIMIT,
    SEARCH_HAS_AFTER,                                         /* And one for each time behind it. */
    SEARCH_HAS_BEFORE = SEARCH_HAS_AFTER + SEARCH_TIME_COUNT, /* Likewise. */
};

/* The body as it came. Empty texts and lists are not given. */
struct search_body {
    uint64_t has;
    struct slice queue;
    struct list state;  /* uint32_t, enum job_state: any of them. */
    struct list states; /* The same, by another name. */
    uint32_t priority;
    struct slice tags;    /* JSON. */
    struct list tags_any; /* struct slice, JSON. */
    struct slice payload_contains;
    struct slice error_contains;
    struct slice error_fingerprint;
    uint64_t after[SEARCH_TIME_COUNT]; /* ns; strictly. */
    uint64_t before[SEARCH_TIME_COUNT];
    int64_t attempt_min;
    int64_t attempt_max;
    struct slice unique_key;
    struct slice batch_id;
    struct slice worker_id;
    struct slice parent_id;
    struct slice chain_id;
    int32_t chain_step;
    struct slice schedule_id;
    uint32_t hold_kind; /* enum hold_kind. */
    bool has_errors;
    struct slice job_id_prefix;
    uint32_t sort;  /* enum search_sort. */
    uint32_t order; /* enum search_order. */
    uint32_t count; /* enum search_count. */
    struct slice cursor;
    int64_t limit;
};

extern const struct message search_body_message;

/* True if the body has the field of that bit. Any thread. */
static inline bool search_has(const struct search_body *body, uint32_t bit)
{
    return (body->has >> (bit - 1)) & 1;
}

/* One tag that a job must have. */
struct search_tag {
    struct slice key;
    struct slice value; /* Of strings what they say, of numbers and booleans their JSON. */
};

/* The place in the order behind which a page starts. */
struct search_place {
    uint64_t value; /* What is sorted by. */
    uint64_t seq;   /* Of the job. */
};

/* Jobs whose id begins with a prefix: the first and the last that could. */
struct search_ids {
    uint64_t time_first, time_last; /* ns. */
    uint64_t seq_first, seq_last;   /* Among the jobs of time_first, when that is time_last. */
};

/* A search as it is carried out. Borrows from the body and its arena. */
struct search {
    const struct search_body *body;
    uint32_t states;      /* Bit n for the state n; 0 = all. */
    struct list tags;     /* struct search_tag: all of them. */
    struct list tags_any; /* struct list of struct search_tag: one of these at least. */
    bool has_fingerprint;
    uint64_t fingerprint;
    bool has_ids;
    struct search_ids ids;
    bool has_place;
    struct search_place place;
    uint32_t limit; /* 1 .. SEARCH_LIMIT_MAX. */
    bool nothing;   /* No job can match. */
};

/* Checks what the field rows can not, and prepares the search. ERR_INVALID
 * (REPLY_VALIDATION_ERROR), ERR_NOMEM. Any thread. */
enum err_code search_check(const struct search_body *body, struct arena *arena,
                           struct search *ret_search, struct err *err) MUST_USE;

/* The cursor behind a place of this search, in the arena; the empty slice when that is full. Any
 * thread. */
struct slice search_cursor(const struct search *search, struct search_place place,
                           struct arena *arena);

/* The word of a sort: "created_at". Any thread. */
const char *search_sort_name(enum search_sort sort);

/* Calls for each tag that is to be searched: of an object of at most TAGS_MAX strings, numbers and
 * booleans; none of any other JSON (A5). ERR_NOMEM; an error of `each` ends the walk. Any thread.
 */
typedef enum err_code (*search_tag_fn)(void *context, const struct search_tag *tag,
                                       struct err *err);
enum err_code search_each_tag(struct slice tags, struct arena *arena, search_tag_fn each,
                              void *context, struct err *err) MUST_USE;

#endif
