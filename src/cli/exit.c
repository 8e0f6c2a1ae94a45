/* Exit statuses: see exit.h. */
#include "cli/exit.h"

#include "base/common.h"
#include "base/reply.h"

/* By what the caller may do, which the row of each error code states. */
static const enum exit_code by_err[ERR_COUNT] = {
    [ERR_NONE] = EXIT_DONE,
    [ERR_INVALID] = EXIT_REFUSED,
    [ERR_STATE] = EXIT_STATE,
    [ERR_NOT_FOUND] = EXIT_NOT_FOUND,
    [ERR_LEASE_LOST] = EXIT_STATE,
    [ERR_TOO_LARGE] = EXIT_REFUSED,
    [ERR_NOT_LEADER] = EXIT_NO_SERVER,
    [ERR_BUSY] = EXIT_LATER,
    [ERR_NO_SPACE] = EXIT_LATER,
    [ERR_IO] = EXIT_NO_SERVER,
    [ERR_CORRUPT] = EXIT_REFUSED,
    [ERR_NOMEM] = EXIT_LATER,
    [ERR_TIMEOUT] = EXIT_NO_SERVER,
    [ERR_CLOSED] = EXIT_NO_SERVER,
    [ERR_UNSUPPORTED] = EXIT_REFUSED,
};

struct status_row {
    uint32_t status;
    enum exit_code exit;
};

/* HTTP statuses whose meaning does not depend on the code, or whose code this build does not know:
 * it may be a newer server's, or a proxy's that has none. */
static const struct status_row by_status[] = {
    {401, EXIT_DENIED},    {403, EXIT_DENIED}, {404, EXIT_NOT_FOUND}, {408, EXIT_NO_SERVER},
    {409, EXIT_STATE},     {429, EXIT_LATER},  {502, EXIT_NO_SERVER}, {503, EXIT_NO_SERVER},
    {504, EXIT_NO_SERVER}, {507, EXIT_LATER},
};

struct code_row {
    const char *code;
    enum exit_code exit;
};

/* Codes whose HTTP status is shared with another meaning. */
static const struct code_row by_code[] = {
    {"LIMIT_REACHED", EXIT_LATER},
    {"SEARCH_LIMIT", EXIT_LATER},
};

struct meaning_row {
    enum exit_code exit;
    const char *text;
};

static const struct meaning_row meanings[] = {
    {EXIT_DONE, "done"},
    {EXIT_REFUSED, "refused by the server"},
    {EXIT_USAGE, "wrong usage; nothing was sent"},
    {EXIT_NOT_FOUND, "not found"},
    {EXIT_DENIED, "not authenticated, or not allowed"},
    {EXIT_STATE, "wrong state, conflict, lease lost"},
    {EXIT_LATER, "overloaded, limited, over a budget: try later"},
    {EXIT_NO_SERVER, "no server, no leader, time-out"},
    {EXIT_CORRUPT, "corrupt data"},
    {EXIT_PARTLY, "partly done; --wait ended other than completed"},
    {EXIT_INTERRUPTED, "interrupted"},
};

static const struct reply_row *row_of(struct slice code)
{
    for (uint32_t i = REPLY_NONE + 1; i < REPLY_COUNT; i++) {
        const struct reply_row *row = reply_row((enum reply_code)i);

        if (slice_is(code, row->name)) {
            return row;
        }
    }
    return NULL;
}

enum exit_code exit_for_reply(uint32_t status, struct slice code)
{
    const struct reply_row *row = row_of(code);

    if (status >= 200 && status < 300) {
        return EXIT_DONE;
    }
    for (size_t i = 0; i < ARRAY_COUNT(by_code); i++) {
        if (slice_is(code, by_code[i].code)) {
            return by_code[i].exit;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(by_status); i++) {
        if (by_status[i].status == status) {
            return by_status[i].exit;
        }
    }
    return row ? by_err[row->code] : EXIT_REFUSED;
}

const char *exit_meaning(enum exit_code code)
{
    for (size_t i = 0; i < ARRAY_COUNT(meanings); i++) {
        if (meanings[i].exit == code) {
            return meanings[i].text;
        }
    }
    return NULL;
}
