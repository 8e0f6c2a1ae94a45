/* Fuzz target: the body of a search. What is refused has a reason. What is taken is written and
 * read again the same; its plan makes statements that SQLite takes, whatever the values are, and
 * that find no job that does not exist; and a cursor of it comes back as its place. */
#include "view/search.h"

#include "base/limits.h"
#include "fuzz/codec.h"
#include "fuzz/fuzz.h"
#include "view/match.h"
#include "view/plan.h"
#include "view/schema.h"
#include "view/sql.h"
#include "wire/json.h"

#include <stdlib.h>
#include <string.h>

#define JOBS 40
#define BYTES_MAX ((size_t)1 << 22)

static void must(enum err_code code, const struct err *err)
{
    fuzz_expect(code == ERR_NONE, "%s", err->text);
}

/* A view with jobs of all states in two queues; one queue was cleared. Made once: it is only read.
 */
static sqlite3 *view_db(void)
{
    static sqlite3 *db;
    struct err err = {0};

    if (db) {
        return db;
    }
    must(sql_open(":memory:", SQL_CREATE, &db, &err), &err);
    must(sql_run(db, view_schema, &err), &err);
    must(view_terms_create(db, 0, &err), &err);
    must(view_terms_create(db, 1, &err), &err);
    must(sql_run(db,
                 "INSERT INTO queues VALUES (1, 'q', 0, 0), (2, 'r', 5, 2);"
                 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) "
                 "INSERT INTO jobs SELECT i, 1764000000000000000 + i * 1000000000, 1 + i % 2, "
                 "1 + i % 8, i % 4, i % 5, i, 1764000000000 + i, iif(i % 8 = 5, i, NULL), "
                 "1764000000000 + i, 1764000000000 + i, iif(i % 8 = 4, 1764000000000, NULL), "
                 "iif(i % 8 = 4, 1, NULL), i % 3 FROM n;"
                 "INSERT INTO terms_0 (rowid, t) SELECT seq, 'q' || queue || ' s' || state FROM "
                 "jobs;"
                 "INSERT INTO err SELECT seq, 1, started, seq % 7, seq % 2, 'error ' || seq FROM "
                 "jobs WHERE seq % 3 = 0;",
                 &err),
         &err);
    return db;
}

static void try_cursor(const struct search *search, struct arena *arena)
{
    struct search_body body = *search->body;
    struct search_place place = {.value = 1764000000007, .seq = 17};
    struct search again;
    struct err err;

    body.cursor = search_cursor(search, place, arena);
    fuzz_expect(body.cursor.data != NULL, "no memory");
    must(search_check(&body, arena, &again, &err), &err);
    fuzz_expect(again.has_place && again.place.value == place.value && again.place.seq == place.seq,
                "a cursor became another place");
}

/* Steps through everything; rows come in the order that was asked for. */
static void try_statement(const struct plan *plan, enum plan_purpose purpose, uint32_t n)
{
    bool ascending = plan->search->body->order == SEARCH_ASC;
    sqlite3_stmt *statement = NULL;
    struct plan_row last = {0};
    struct err err;
    bool row = true;

    must(plan_prepare(plan, purpose, n, &statement, &err), &err);
    for (uint32_t count = 0;; count++) {
        struct plan_row next;

        must(sql_step(statement, &row, &err), &err);
        if (!row) {
            break;
        }
        next = plan_row_of(statement);
        fuzz_expect(next.seq >= 1 && next.seq <= JOBS && count < JOBS, "job %llu",
                    (unsigned long long)next.seq);
        if (purpose == PLAN_PAGE && count > 0) {
            bool greater =
                next.value > last.value || (next.value == last.value && next.seq > last.seq);

            fuzz_expect(greater == ascending, "job %llu behind job %llu",
                        (unsigned long long)next.seq, (unsigned long long)last.seq);
        }
        last = next;
    }
    (void)sqlite3_finalize(statement);
}

static void try_plan(const struct search *search, struct arena *arena)
{
    struct plan plan;
    struct err err;

    must(plan_make(search, view_db(), arena, &plan, &err), &err);
    plan.rows_max = JOBS;
    for (enum plan_purpose purpose = PLAN_PAGE; purpose <= PLAN_COUNT; purpose++) {
        for (uint32_t n = 0; n < plan_statements(&plan, purpose); n++) {
            try_statement(&plan, purpose, n);
        }
    }
}

static void try_codec(struct slice input)
{
    struct codec codec;
    const char *why;

    codec_init(&codec);
    why = codec_try(&codec, &search_body_message, CODEC_REST, input);
    codec_done(&codec);
    fuzz_expect(!why, "%s (%s)", why ? why : "", codec.err.text);
}

/* What stands behind a payload in JSON never gets longer by decoding, and is decoded then. */
static void try_decode(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    struct slice once;

    fuzz_expect(bytes != NULL, "no memory");
    memcpy(bytes, data, size);
    once = match_decode(bytes, size);
    fuzz_expect(once.size <= size && once.data == bytes, "decoding made %zu bytes of %zu",
                once.size, size);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct search_body body;
    struct search search;
    struct arena arena;
    struct err err = {0};

    try_codec(slice_of(data, size));
    try_decode(data, size);
    arena_init(&arena, BYTES_MAX);
    if (json_read(&search_body_message, JSON_REST, slice_of(data, size), &arena, &body, &err) ||
        search_check(&body, &arena, &search, &err)) {
        fuzz_expect(err.code != ERR_NONE && err.text[0] != '\0', "a refusal without a reason");
    } else {
        fuzz_expect(search.limit >= 1 && search.limit <= SEARCH_LIMIT_MAX, "limit %u",
                    search.limit);
        try_cursor(&search, &arena);
        try_plan(&search, &arena);
    }
    arena_done(&arena);
    return 0;
}
