/* Jobs against searches: see match.h. */
#include "view/match.h"

#include <stdlib.h>

static uint8_t lower_of(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte - 'A' + 'a') : byte;
}

static void make_lower(uint8_t *to, struct slice from)
{
    for (size_t i = 0; i < from.size; i++) {
        to[i] = lower_of(from.data[i]);
    }
}

bool match_text_make(struct slice text, struct arena *arena, struct match_text *ret_text)
{
    uint8_t *bytes = arena_bytes(arena, text.size + 1);

    if (!bytes) {
        return false;
    }
    make_lower(bytes, text);
    ret_text->lower = slice_of(bytes, text.size);
    return true;
}

/* memmem is linear, whatever both are; a search of our own would not be. */
bool match_text_in(const struct match_text *text, struct slice bytes, bool *ret_failed)
{
    uint8_t *lower;
    bool found;

    if (text->lower.size > bytes.size) {
        return false;
    }
    lower = malloc(bytes.size + 1);
    if (!lower) {
        *ret_failed = true;
        return false;
    }
    make_lower(lower, bytes);
    found = memmem(lower, bytes.size, text->lower.data, text->lower.size) != NULL;
    free(lower);
    return found;
}

/* --- Escapes -------------------------------------------------------------------------------------
 */

#define ESCAPE_SIZE 6 /* Of \u00e9. */

/* The code unit of an escape; 0 when there is none. */
static uint32_t unit_at(const uint8_t *json, size_t size)
{
    uint32_t unit = 0;

    if (size < ESCAPE_SIZE || json[0] != '\\' || json[1] != 'u') {
        return 0;
    }
    for (int i = 2; i < ESCAPE_SIZE; i++) {
        uint8_t byte = lower_of(json[i]);

        if (!(byte >= '0' && byte <= '9') && !(byte >= 'a' && byte <= 'f')) {
            return 0;
        }
        unit = unit << 4 | (uint32_t)(byte <= '9' ? byte - '0' : byte - 'a' + 10);
    }
    return unit;
}

/* UTF-8 of a code point from 128 up: two to four bytes. */
static size_t encode(uint32_t point, uint8_t *to)
{
    size_t count = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t heads[] = {[2] = 0xc0, [3] = 0xe0, [4] = 0xf0};

    for (size_t i = count - 1; i > 0; i--) {
        to[i] = (uint8_t)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    to[0] = (uint8_t)(heads[count] | point);
    return count;
}

/* How many bytes stand for the character that is escaped here; 0 when they stay as they are. */
static size_t decode_at(const uint8_t *json, size_t size, uint32_t *ret_point)
{
    uint32_t high = unit_at(json, size);
    uint32_t low;

    *ret_point = high;
    if (high < 0x80 || (high >= 0xdc00 && high < 0xe000)) {
        return 0;
    }
    if (high < 0xd800 || high >= 0xe000) {
        return ESCAPE_SIZE;
    }
    low = unit_at(json + ESCAPE_SIZE, size - ESCAPE_SIZE);
    *ret_point = 0x10000 + ((high - 0xd800) << 10 | (low & 0x3ff));
    return low >= 0xdc00 && low < 0xe000 ? 2 * ESCAPE_SIZE : 0;
}

struct slice match_decode(uint8_t *json, size_t size)
{
    size_t from = 0, to = 0;

    while (from < size) {
        uint32_t point;
        size_t taken = json[from] == '\\' ? decode_at(json + from, size - from, &point) : 0;

        if (taken > 0) {
            to += encode(point, json + to);
            from += taken;
            continue;
        }
        if (json[from] == '\\' && from + 1 < size) {
            json[to++] = json[from++]; /* What it escapes is no beginning of an escape. */
        }
        json[to++] = json[from++];
    }
    return slice_of(json, to);
}

/* --- Columns -------------------------------------------------------------------------------------
 */

/* In milliseconds, as in the view; what is unset is neither before nor after. */
static bool times_match(const struct search_body *body, const struct job *job)
{
    const uint64_t times[SEARCH_TIME_COUNT] = {
        [SEARCH_SCHEDULED] = job->run_at,       [SEARCH_STARTED] = job->started_at,
        [SEARCH_COMPLETED] = job->completed_at, [SEARCH_EXPIRE] = job->expire_at,
        [SEARCH_HELD] = job->hold.at,
    };

    for (uint32_t i = SEARCH_SCHEDULED; i < SEARCH_TIME_COUNT; i++) {
        uint64_t time_ms = times[i] / NS_PER_MS;
        bool after = search_has(body, SEARCH_HAS_AFTER + i);
        bool before = search_has(body, SEARCH_HAS_BEFORE + i);

        if (((after || before) && times[i] == 0) ||
            (after && time_ms <= body->after[i] / NS_PER_MS) ||
            (before && time_ms >= body->before[i] / NS_PER_MS)) {
            return false;
        }
    }
    return true;
}

static bool attempts_match(const struct search_body *body, const struct job *job)
{
    int64_t attempt = job->attempt;

    return !(search_has(body, SEARCH_HAS_ATTEMPT_MIN) && attempt < body->attempt_min) &&
           !(search_has(body, SEARCH_HAS_ATTEMPT_MAX) && attempt > body->attempt_max);
}

bool match_job(const struct search *search, uint64_t queue, uint32_t states, const struct job *job)
{
    const struct search_body *body = search->body;

    if ((queue && job->queue != queue) || !(states >> job->state & 1)) {
        return false;
    }
    if (search_has(body, SEARCH_HAS_PRIORITY) && job->priority != body->priority) {
        return false;
    }
    if (body->hold_kind && job->hold.kind != body->hold_kind) {
        return false;
    }
    if (body->unique_key.size > 0 && !slice_equal(job->unique.key, body->unique_key)) {
        return false;
    }
    if (body->worker_id.size > 0 &&
        !(job_shows_worker(job) && slice_equal(job->worker_id, body->worker_id))) {
        return false;
    }
    return attempts_match(body, job) && times_match(body, job);
}

/* --- Tags ----------------------------------------------------------------------------------------
 */

/* The tags of a job. */
struct job_tags {
    struct search_tag tags[TAGS_MAX];
    uint32_t count;
};

static enum err_code take_tag(void *context, const struct search_tag *tag, struct err *err)
{
    struct job_tags *job = context;

    (void)err;
    assert(job->count < TAGS_MAX);
    job->tags[job->count++] = *tag;
    return ERR_NONE;
}

static bool has_tag(const struct job_tags *job, const struct search_tag *tag)
{
    for (uint32_t i = 0; i < job->count; i++) {
        if (slice_equal(job->tags[i].key, tag->key)) {
            return slice_equal(job->tags[i].value, tag->value);
        }
    }
    return false;
}

static bool has_tags(const struct job_tags *job, const struct list *wanted)
{
    const struct search_tag *tags = wanted->items;

    for (uint32_t i = 0; i < wanted->count; i++) {
        if (!has_tag(job, &tags[i])) {
            return false;
        }
    }
    return true;
}

enum err_code match_tags(const struct search *search, struct slice tags, struct arena *arena,
                         bool *ret_matches, struct err *err)
{
    const struct list *sets = search->tags_any.items;
    struct job_tags job = {.count = 0};
    bool any = search->tags_any.count == 0;

    if (search_each_tag(tags, arena, take_tag, &job, err)) {
        return err->code;
    }
    for (uint32_t i = 0; i < search->tags_any.count && !any; i++) {
        any = has_tags(&job, &sets[i]);
    }
    *ret_matches = any && has_tags(&job, &search->tags);
    return ERR_NONE;
}
