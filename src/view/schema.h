/* The view's SQLite file: its tables, their terms, and how it is opened. docs/formats/view.md says
 * the same for people.
 *
 * The file holds nothing that rows do not: whatever is wrong with it, it is thrown away and made
 * anew. Times are in milliseconds but for jobs.created; NULL is "not set". */
#ifndef VIEW_SCHEMA_H
#define VIEW_SCHEMA_H

#include "base/common.h"
#include "base/err.h"
#include "base/slice.h"

#include <sqlite3.h>

/* Raised with any change below: a file of another format is made anew. */
#define VIEW_FORMAT 1
#define VIEW_APPLICATION_ID 0x43525657 /* "CRVW". */

/* Jobs of one term table: seq >> VIEW_PART_BITS is its number. */
#define VIEW_PART_BITS 22

/* Every table and index; see schema.c. */
extern const char view_schema[];

/* The number of the term table of a job. Any thread. */
static inline uint64_t view_part(uint64_t seq)
{
    return seq >> VIEW_PART_BITS;
}

/* The name of a term table: "terms_0". Any thread. */
#define VIEW_TERMS_NAME_MAX 32
void view_terms_name(uint64_t part, char ret_name[static VIEW_TERMS_NAME_MAX]);

/* Makes the term table of a part when there is none. Thread of `db`. */
enum err_code view_terms_create(sqlite3 *db, uint64_t part, struct err *err) MUST_USE;

/* What a term is about. The letter begins the token; never reused within a format. */
enum view_term {
    VIEW_TERM_QUEUE = 'q',  /* Queue number; all that the job was ever in. */
    VIEW_TERM_STATE = 's',  /* enum job_state; of terminal states only, live jobs are indexed. */
    VIEW_TERM_TAG = 't',    /* view_term_tag. */
    VIEW_TERM_WORKER = 'w', /* Its id, of each attempt that was seen active. */
    VIEW_TERM_UNIQUE = 'u', /* Unique key. */
    VIEW_TERM_BATCH = 'b',  /* Batch id. */
    VIEW_TERM_PARENT = 'p', /* Parent's id. */
    VIEW_TERM_CHAIN = 'c',  /* Chain id. */
    VIEW_TERM_STEP = 'n',   /* Step of the chain. */
    VIEW_TERM_CRON = 'r',   /* Schedule id. */
    VIEW_TERM_HOLD = 'h',   /* enum hold_kind, of each time that it was seen held. */
    VIEW_TERM_ERROR = 'e',  /* Fingerprint of each of its errors. */
};

/* A token: the letter and twelve characters of a hash, or a number in decimal. Letters and digits
 * only, so that it needs no quotes in a MATCH. */
#define VIEW_TOKEN_MAX 24
struct view_token {
    char text[VIEW_TOKEN_MAX]; /* NUL-terminated. */
};

/* The token of some bytes; different bytes may share one, so what it finds is checked. Any thread.
 */
struct view_token view_token_of(enum view_term term, struct slice bytes);

/* The token of a number (VIEW_TERM_QUEUE, STATE, STEP, HOLD, ERROR); exact. Any thread. */
struct view_token view_token_number(enum view_term term, uint64_t number);

/* The token of a tag: its key, and its value as the text of the string, or the JSON text of a
 * number or boolean. Any thread. */
struct view_token view_token_tag(struct slice key, struct slice value);

/* What jobs.worker holds for a worker: 31 bits of a hash. Any thread. */
uint32_t view_worker_number(struct slice worker_id);

#endif
