/* The body of a search by its field rows, and what they can not check: see search.h. */
#include "view/search.h"

#include "base/limits.h"
#include "base/reply.h"
#include "core/job.h"
#include "core/key.h"
#include "wire/json.h"
#include "wire/json_look.h"

#include <inttypes.h>

#define ID_TEXT "job_"
#define TIME_HEX 16
#define SEQ_HEX 10
#define CURSOR_FORM 1
#define CURSOR_SIZE (3 + TIME_HEX + SEQ_HEX)
#define FINGERPRINT_HEX 16

static const char *const sort_names[SEARCH_SORT_COUNT] = {
    [SEARCH_BY_CREATED_AT] = "created_at", [SEARCH_BY_PRIORITY] = "priority",
    [SEARCH_BY_STARTED_AT] = "started_at", [SEARCH_BY_COMPLETED_AT] = "completed_at",
    [SEARCH_BY_ATTEMPT] = "attempt",
};
static const struct words sort_words = {.names = sort_names, .count = SEARCH_SORT_COUNT};

static const char *const order_names[] = {[SEARCH_DESC] = "desc", [SEARCH_ASC] = "asc"};
static const struct words order_words = {.names = order_names, .count = ARRAY_COUNT(order_names)};

static const char *const count_names[] = {[SEARCH_COUNT_EXACT] = "exact"};
static const struct words count_words = {.names = count_names, .count = ARRAY_COUNT(count_names)};

/* --- The body ------------------------------------------------------------------------------------
 */

#define ROW(kind_, tag_, name_, help_)                                                             \
    .name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct search_body, name_),     \
    .help = help_
#define TEXT(tag_, name_, max_, help_) {ROW(FIELD_TEXT, tag_, name_, help_), .max = max_}
#define WORD(tag_, name_, words_, help_) {ROW(FIELD_ENUM, tag_, name_, help_), .words = words_}
#define NUMBER(kind_, tag_, name_, bit_, help_) {ROW(kind_, tag_, name_, help_), .bit = bit_}
#define TIME(tag_, name_, time_, side_, bit_, help_)                                               \
    {.name = name_,                                                                                \
     .kind = FIELD_TIME,                                                                           \
     .tag = tag_,                                                                                  \
     .bit = (bit_) + (time_),                                                                      \
     .offset = offsetof(struct search_body, side_[time_]),                                         \
     .help = help_}
#define BETWEEN(tag_, name_, time_, help_)                                                         \
    TIME(tag_, name_ "_after", time_, after, SEARCH_HAS_AFTER, help_ " after that"),               \
        TIME((tag_) + 1, name_ "_before", time_, before, SEARCH_HAS_BEFORE, help_ " before that")

static const struct field body_fields[] = {
    TEXT(1, queue, QUEUE_NAME_MAX, "in that queue"),
    {
        ROW(FIELD_ENUM, 2, state, "in one of these states"),
        .flags = FIELD_LIST,
        .words = &job_state_words,
        .count_max = SEARCH_STATES_MAX,
    },
    {
        ROW(FIELD_ENUM, 3, states, "the same as state"),
        .flags = FIELD_LIST,
        .words = &job_state_words,
        .count_max = SEARCH_STATES_MAX,
    },
    {
        ROW(FIELD_ENUM_NUMBER, 4, priority, "of that priority"),
        .bit = SEARCH_HAS_PRIORITY,
        .words = &job_priority_words,
    },
    {
        ROW(FIELD_JSON, 5, tags, "an object: with all of these tags"),
        .max = SEARCH_TAGS_SIZE_MAX,
    },
    {
        ROW(FIELD_JSON, 6, tags_any, "objects like tags: one of them at least matches"),
        .flags = FIELD_LIST,
        .max = SEARCH_TAGS_SIZE_MAX,
        .count_max = SEARCH_TAGS_ANY_MAX,
    },
    TEXT(7, payload_contains, SEARCH_TEXT_MAX, "with that text in the payload's JSON"),
    TEXT(8, error_contains, SEARCH_TEXT_MAX, "with that text in a recorded error"),
    TEXT(9, error_fingerprint, FINGERPRINT_HEX, "that failed like that; see GET /errors"),
    {ROW(FIELD_BOOL, 10, has_errors, "true: that failed at least once")},
    BETWEEN(11, "created", SEARCH_CREATED, "enqueued"),
    BETWEEN(13, "scheduled", SEARCH_SCHEDULED, "due"),
    BETWEEN(15, "started", SEARCH_STARTED, "last delivered"),
    BETWEEN(17, "completed", SEARCH_COMPLETED, "completed"),
    BETWEEN(19, "expire", SEARCH_EXPIRE, "given up"),
    BETWEEN(21, "held", SEARCH_HELD, "held since"),
    NUMBER(FIELD_I64, 23, attempt_min, SEARCH_HAS_ATTEMPT_MIN, "delivered at least that often"),
    NUMBER(FIELD_I64, 24, attempt_max, SEARCH_HAS_ATTEMPT_MAX, "delivered at most that often"),
    TEXT(25, unique_key, UNIQUE_KEY_MAX, "with that unique key"),
    TEXT(26, batch_id, JOB_ID_MAX, "of that batch"),
    TEXT(27, worker_id, WORKER_ID_MAX, "that this worker runs, or ran when it was cancelled"),
    TEXT(28, parent_id, JOB_ID_MAX, "enqueued by that job"),
    TEXT(29, chain_id, JOB_ID_MAX, "of that chain"),
    NUMBER(FIELD_I32, 30, chain_step, SEARCH_HAS_CHAIN_STEP, "at that step of its chain"),
    TEXT(31, schedule_id, JOB_ID_MAX, "made by that schedule"),
    WORD(32, hold_kind, &hold_kind_words, "held by that"),
    TEXT(33, job_id_prefix, JOB_ID_MAX, "whose id starts so"),
    WORD(34, sort, &sort_words, "order by that; created_at when not given"),
    WORD(35, order, &order_words, "desc when not given"),
    WORD(36, count, &count_words, "exact: count all matches, however many"),
    TEXT(37, cursor, SEARCH_CURSOR_MAX, "the page behind that cursor, of the same search"),
    NUMBER(FIELD_I64, 38, limit, SEARCH_HAS_LIMIT, "jobs at most; 50 when not given, at most 1000"),
    {
        .name = "payload_jq",
        .kind = FIELD_TEXT,
        .flags = FIELD_UNSUPPORTED,
        .help = "whose payload makes that jq filter true; not built yet",
    },
};

#undef ROW
#undef TEXT
#undef WORD
#undef NUMBER
#undef TIME
#undef BETWEEN

const struct message search_body_message = {
    .name = "SearchRequest",
    .fields = body_fields,
    .field_count = ARRAY_COUNT(body_fields),
    .size = sizeof(struct search_body),
    .has_offset = offsetof(struct search_body, has),
};

const char *search_sort_name(enum search_sort sort)
{
    return sort_names[sort];
}

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "the search needs more memory than a request may use");
}

/* --- Tags ----------------------------------------------------------------------------------------
 */

/* Tags of one object; of equal keys the last counts. */
struct tag_set {
    struct arena *arena;
    struct search_tag tags[TAGS_MAX];
    uint32_t count;
    bool plain; /* Only strings, numbers and booleans so far. */
    bool full;  /* And more of them. */
};

static struct search_tag *find_tag(struct tag_set *set, struct slice key)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (slice_equal(set->tags[i].key, key)) {
            return &set->tags[i];
        }
    }
    set->full = set->count == TAGS_MAX;
    return set->full ? NULL : &set->tags[set->count++];
}

static enum err_code take_tag(void *context, struct slice key, struct slice raw, struct err *err)
{
    struct tag_set *set = context;
    enum json_type type = json_type_of(raw);
    struct search_tag *tag;

    if (type != JSON_STRING && type != JSON_NUMBER && type != JSON_BOOL) {
        set->plain = false;
    }
    tag = set->plain && !set->full ? find_tag(set, key) : NULL;
    if (!tag) {
        return ERR_NONE;
    }
    if (!arena_copy(set->arena, key, &tag->key)) {
        return no_memory(err);
    }
    tag->value = raw;
    if (type == JSON_STRING && !json_string_of(raw, set->arena, &tag->value)) {
        return no_memory(err);
    }
    return ERR_NONE;
}

/* ERR_NOMEM only: what is no object of plain values leaves a set that is not plain. */
static enum err_code read_tags(struct slice json, struct arena *arena, struct tag_set *set,
                               struct err *err)
{
    *set = (struct tag_set){.arena = arena, .plain = json_type_of(json) == JSON_OBJECT};
    if (!set->plain) {
        return ERR_NONE;
    }
    return json_each_member(json, arena, take_tag, set, err);
}

enum err_code search_each_tag(struct slice tags, struct arena *arena, search_tag_fn each,
                              void *context, struct err *err)
{
    struct tag_set set;

    if (tags.size == 0) {
        return ERR_NONE;
    }
    if (read_tags(tags, arena, &set, err)) {
        return err->code;
    }
    for (uint32_t i = 0; i < set.count && set.plain && !set.full; i++) {
        if (each(context, &set.tags[i], err)) {
            return err->code;
        }
    }
    return ERR_NONE;
}

static enum err_code check_tags(struct slice json, const char *name, struct arena *arena,
                                struct list *ret_tags, struct err *err)
{
    struct tag_set set;
    struct search_tag *tags;

    if (read_tags(json, arena, &set, err)) {
        return err->code;
    }
    if (!set.plain) {
        return err_reply(err, REPLY_PARSE_ERROR, "%s must be an object of texts", name);
    }
    if (set.full) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "%s has more than %d members", name,
                         TAGS_MAX);
    }
    tags = arena_array(arena, set.count, sizeof(*tags));
    if (!tags) {
        return no_memory(err);
    }
    memcpy(tags, set.tags, set.count * sizeof(*tags));
    *ret_tags = (struct list){.items = tags, .count = set.count};
    return ERR_NONE;
}

static enum err_code check_all_tags(const struct search_body *body, struct arena *arena,
                                    struct search *search, struct err *err)
{
    const struct slice *any = body->tags_any.items;
    struct list *sets = arena_array(arena, body->tags_any.count, sizeof(*sets));

    if (!sets) {
        return no_memory(err);
    }
    if (body->tags.size > 0 && json_type_of(body->tags) != JSON_NULL &&
        check_tags(body->tags, "tags", arena, &search->tags, err)) {
        return err->code;
    }
    for (uint32_t i = 0; i < body->tags_any.count; i++) {
        if (check_tags(any[i], "each of tags_any", arena, &sets[i], err)) {
            return err->code;
        }
    }
    search->tags_any = (struct list){.items = sets, .count = body->tags_any.count};
    return ERR_NONE;
}

/* --- Ids, fingerprints, cursors ------------------------------------------------------------------
 */

/* The digits as the first ones of `width` in hex: the least and the most number that starts so.
 * False when they are none. */
static bool hex_range(struct slice digits, uint32_t width, uint64_t *ret_first, uint64_t *ret_last)
{
    uint64_t first = 0, last = 0;

    for (uint32_t i = 0; i < width; i++) {
        uint64_t low = 0, high = 15;

        if (i < digits.size) {
            uint8_t byte = digits.data[i];

            if (!(byte >= '0' && byte <= '9') && !(byte >= 'a' && byte <= 'f')) {
                return false;
            }
            low = high = byte <= '9' ? (uint64_t)(byte - '0') : (uint64_t)(byte - 'a' + 10);
        }
        first = first << 4 | low;
        last = last << 4 | high;
    }
    *ret_first = first;
    *ret_last = last;
    return digits.size <= width;
}

static bool hex_number(struct slice digits, uint64_t *ret_number)
{
    uint64_t last;

    return digits.size > 0 && hex_range(digits, (uint32_t)digits.size, ret_number, &last);
}

/* Ids are "job_", then the time and the sequence in hex. */
static void check_ids(struct slice prefix, struct search *search)
{
    struct slice word = slice_text(ID_TEXT);
    struct slice same = slice_of(prefix.data, prefix.size < word.size ? prefix.size : word.size);
    struct slice digits = slice_from(prefix, word.size);
    struct slice time = slice_of(digits.data, digits.size < TIME_HEX ? digits.size : TIME_HEX);
    struct search_ids *ids = &search->ids;

    if (prefix.size == 0) {
        return;
    }
    search->has_ids = true;
    search->nothing =
        search->nothing || memcmp(same.data, word.data, same.size) != 0 ||
        !hex_range(time, TIME_HEX, &ids->time_first, &ids->time_last) ||
        !hex_range(slice_from(digits, TIME_HEX), SEQ_HEX, &ids->seq_first, &ids->seq_last);
}

static enum err_code check_fingerprint(struct slice text, struct search *search, struct err *err)
{
    search->has_fingerprint = text.size > 0;
    if (search->has_fingerprint &&
        (text.size != FINGERPRINT_HEX || !hex_number(text, &search->fingerprint))) {
        return err_reply(err, REPLY_VALIDATION_ERROR,
                         "error_fingerprint must be %d hexadecimal digits", FINGERPRINT_HEX);
    }
    return ERR_NONE;
}

/* A cursor is hexadecimal: form, sort, order, then value and sequence of the last job shown. */
struct slice search_cursor(const struct search *search, struct search_place place,
                           struct arena *arena)
{
    return slice_text(arena_printf(arena, "%x%x%x%016" PRIx64 "%010" PRIx64, CURSOR_FORM,
                                   search->body->sort, search->body->order, place.value,
                                   place.seq));
}

static enum err_code check_cursor(const struct search_body *body, struct search *search,
                                  struct err *err)
{
    struct slice cursor = body->cursor;
    struct search_place place;
    uint64_t head;

    if (cursor.size == 0) {
        return ERR_NONE;
    }
    if (cursor.size != CURSOR_SIZE || !hex_number(slice_of(cursor.data, 3), &head) ||
        !hex_number(slice_of(cursor.data + 3, TIME_HEX), &place.value) ||
        !hex_number(slice_of(cursor.data + 3 + TIME_HEX, SEQ_HEX), &place.seq) ||
        head >> 8 != CURSOR_FORM || place.value > INT64_MAX) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "cursor is none of this server's");
    }
    if ((head >> 4 & 15) != body->sort || (head & 15) != body->order) {
        return err_reply(err, REPLY_VALIDATION_ERROR,
                         "cursor is of a search with another sort or order");
    }
    search->has_place = true;
    search->place = place;
    return ERR_NONE;
}

/* --- All of it -----------------------------------------------------------------------------------
 */

static uint32_t states_of(const struct list *list)
{
    const uint32_t *states = list->items;
    uint32_t bits = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        bits |= UINT32_C(1) << states[i];
    }
    return bits;
}

/* Both names at once mean what both allow. */
static void check_states(const struct search_body *body, struct search *search)
{
    uint32_t first = states_of(&body->state);
    uint32_t second = states_of(&body->states);

    search->states = first && second ? first & second : first | second;
    search->nothing = search->nothing || (first && second && !search->states);
}

static uint32_t limit_of(const struct search_body *body)
{
    if (!search_has(body, SEARCH_HAS_LIMIT) || body->limit <= 0) {
        return SEARCH_LIMIT_DEFAULT;
    }
    return body->limit < SEARCH_LIMIT_MAX ? (uint32_t)body->limit : SEARCH_LIMIT_MAX;
}

enum err_code search_check(const struct search_body *body, struct arena *arena,
                           struct search *ret_search, struct err *err)
{
    struct search search = {.body = body, .limit = limit_of(body)};

    check_states(body, &search);
    check_ids(body->job_id_prefix, &search);
    /* What no job has yet. */
    search.nothing = search.nothing || body->batch_id.size || body->parent_id.size ||
                     body->chain_id.size || body->schedule_id.size ||
                     search_has(body, SEARCH_HAS_CHAIN_STEP);
    if (check_all_tags(body, arena, &search, err) ||
        check_fingerprint(body->error_fingerprint, &search, err) ||
        check_cursor(body, &search, err)) {
        return err->code;
    }
    *ret_search = search;
    return ERR_NONE;
}
