/* The view's tables: see schema.h. */
#include "view/schema.h"

#include "base/hash.h"
#include "view/sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char view_schema[] =
    /* One row: whose rows these are, and up to which entry. All of a flush is one transaction. */
    "CREATE TABLE meta ("
    "  one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  cluster_id INTEGER NOT NULL,"
    "  complete INTEGER NOT NULL,"   /* 0: it is being built, jobs may be missing. */
    "  idx INTEGER NOT NULL,"        /* The log index that it has reached. */
    "  term INTEGER NOT NULL,"       /* Of that entry. */
    "  state_hash INTEGER NOT NULL," /* Of the rows, as core has it: 0 = in the middle of a step. */
    "  seq_max INTEGER NOT NULL);"   /* Highest seq ever written: above it, a job is new. */

    /* Queues by core's number. A job is gone, and not to be shown, when
     * moved <= destroyed_below, or moved <= cleared_below while pending, scheduled or retrying. */
    "CREATE TABLE queues ("
    "  id INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE,"
    "  cleared_below INTEGER NOT NULL,"
    "  destroyed_below INTEGER NOT NULL);"

    /* Jobs in the order of their creation: created never falls as seq grows. */
    "CREATE TABLE jobs ("
    "  seq INTEGER PRIMARY KEY,"
    "  created INTEGER NOT NULL," /* ns: with seq, this is the id. */
    "  queue INTEGER NOT NULL,"
    "  state INTEGER NOT NULL," /* enum job_state: below 6 the job is live. */
    "  priority INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  moved INTEGER NOT NULL," /* job.move_seq. */
    "  started INTEGER,"
    "  completed INTEGER,"
    "  run_at INTEGER,"
    "  expire_at INTEGER,"
    "  held_at INTEGER,"
    "  hold_kind INTEGER,"
    "  worker INTEGER);" /* view_worker_number, while a worker is shown. */
    "CREATE INDEX jobs_live ON jobs (state) WHERE state < 6;"
    "CREATE INDEX jobs_live_queue ON jobs (queue, state) WHERE state < 6;"
    "CREATE INDEX jobs_completed ON jobs (completed) WHERE completed IS NOT NULL;"

    /* Error records of jobs, as many as core keeps. */
    "CREATE TABLE err ("
    "  seq INTEGER NOT NULL,"
    "  id INTEGER NOT NULL,"
    "  at INTEGER NOT NULL,"
    "  fingerprint INTEGER NOT NULL," /* view_fingerprint. */
    "  whole INTEGER NOT NULL,"       /* 0: the text is longer than what is here. */
    "  text TEXT NOT NULL,"           /* Its first VIEW_ERROR_TEXT_MAX bytes. */
    "  PRIMARY KEY (seq, id)) WITHOUT ROWID;"
    "CREATE INDEX err_at ON err (at);";

void view_terms_name(uint64_t part, char ret_name[static VIEW_TERMS_NAME_MAX])
{
    (void)snprintf(ret_name, VIEW_TERMS_NAME_MAX, "terms_%" PRIu64, part);
}

/* Contentless and without positions or sizes: a posting is one or two bytes. What is posted once is
 * never taken away, so what is found is checked against jobs. */
enum err_code view_terms_create(sqlite3 *db, uint64_t part, struct err *err)
{
    char name[VIEW_TERMS_NAME_MAX];
    char sql[256];

    view_terms_name(part, name);
    (void)snprintf(sql, sizeof(sql),
                   "CREATE VIRTUAL TABLE IF NOT EXISTS %s USING fts5(t, content='', "
                   "detail='none', columnsize=0, tokenize='ascii')",
                   name);
    return sql_run(db, sql, err);
}

/* Twelve letters of five bits: more would make the index larger for nothing. */
struct view_token view_token_of(enum view_term term, struct slice bytes)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuv";
    uint64_t hash = hash_bytes(bytes);
    struct view_token token = {{(char)term}};

    for (uint32_t i = 1; i <= 12; i++) {
        token.text[i] = letters[hash & 31];
        hash >>= 5;
    }
    return token;
}

struct view_token view_token_number(enum view_term term, uint64_t number)
{
    struct view_token token = {{(char)term}};
    char digits[20]; /* Last one first. */
    uint32_t count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    for (uint32_t i = 0; i < count; i++) {
        token.text[1 + i] = digits[count - 1 - i];
    }
    return token;
}

/* The hash of the value goes on from that of the key, so neither needs to be copied. */
struct view_token view_token_tag(struct slice key, struct slice value)
{
    uint64_t hashes[2] = {hash_bytes(key), hash_bytes(value)};

    return view_token_of(VIEW_TERM_TAG, slice_of(hashes, sizeof(hashes)));
}

uint32_t view_worker_number(struct slice worker_id)
{
    return (uint32_t)(hash_bytes(worker_id) & INT32_MAX);
}
