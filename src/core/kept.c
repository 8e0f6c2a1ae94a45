/* Records of keyed requests: see kept.h. */
#include "core/kept.h"

#define PREFIX_RECORD 0
#define PREFIX_AGE 1

/* Longest pause between sweeps: records of one minute go together. */
#define SWEEP_PAUSE_MS 60000

/* Most records that make room for one. */
#define EVICT_MAX 64

#define ROW(tag_, kind_, name_)                                                                    \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct kept_result, name_)

static const struct field result_fields[] = {
    {ROW(1, FIELD_U32, op)},
    {ROW(2, FIELD_BYTES, reply)},
    {ROW(3, FIELD_TEXT, code)},
    {ROW(4, FIELD_TEXT, error)},
};

#undef ROW

const struct message kept_result_message = {
    .name = "KeptResultRow",
    .fields = result_fields,
    .field_count = ARRAY_COUNT(result_fields),
    .size = sizeof(struct kept_result),
};

#define ROW(tag_, kind_, name_)                                                                    \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct kept_row, name_)

static const struct field row_fields[] = {
    {ROW(1, FIELD_BYTES, fingerprint)},
    {ROW(2, FIELD_TIME, at_ns)},
    {ROW(3, FIELD_U64, seq)},
    {ROW(4, FIELD_U32, count)},
    {ROW(5, FIELD_U32, failed)},
    {ROW(6, FIELD_MESSAGE, results), .flags = FIELD_LIST, .sub = &kept_result_message},
};

#undef ROW

const struct message kept_row_message = {
    .name = "KeptRow",
    .fields = row_fields,
    .field_count = ARRAY_COUNT(row_fields),
    .size = sizeof(struct kept_row),
};

#define ROW(tag_, kind_, name_)                                                                    \
    {.name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct kept_age, name_)}

static const struct field age_fields[] = {
    ROW(1, FIELD_BYTES, key),
    ROW(2, FIELD_TIME, hash),
    ROW(3, FIELD_TIME, at_ns),
};

#undef ROW

const struct message kept_age_message = {
    .name = "KeptAgeRow",
    .fields = age_fields,
    .field_count = ARRAY_COUNT(age_fields),
    .size = sizeof(struct kept_age),
};

struct row_key kept_row_key(struct slice key)
{
    struct row_key row = {.size = (uint8_t)(1 + key.size)};

    assert(key.size > 0 && key.size <= KEPT_KEY_MAX);
    row.bytes[0] = PREFIX_RECORD;
    memcpy(row.bytes + 1, key.data, key.size);
    return row;
}

struct row_key kept_age_key(uint64_t seq)
{
    struct row_key number = number_row_key(seq);
    struct row_key row = {.size = (uint8_t)(1 + number.size)};

    row.bytes[0] = PREFIX_AGE;
    memcpy(row.bytes + 1, number.bytes, number.size);
    return row;
}

static struct kept_limits with_defaults(struct kept_limits limits)
{
    return (struct kept_limits){
        .ttl_ms = limits.ttl_ms ? limits.ttl_ms : KEPT_TTL_MS_DEFAULT,
        .min_ttl_ms = limits.min_ttl_ms ? limits.min_ttl_ms : KEPT_MIN_TTL_MS_DEFAULT,
        .max = limits.max ? limits.max : KEPT_MAX_DEFAULT,
    };
}

static struct kept_limits stored_limits(const struct meta_row *meta)
{
    return with_defaults(
        (struct kept_limits){meta->kept_ttl_ms, meta->kept_min_ttl_ms, meta->kept_max});
}

bool kept_limits_differ(const struct meta_row *meta, const struct kept_limits *limits)
{
    struct kept_limits have = stored_limits(meta);
    struct kept_limits want = with_defaults(*limits);

    return have.ttl_ms != want.ttl_ms || have.min_ttl_ms != want.min_ttl_ms || have.max != want.max;
}

/* What holds: nothing is kept longer than its time because of the least one. */
static struct kept_limits kept_limits_of(const struct meta_row *meta)
{
    struct kept_limits limits = stored_limits(meta);

    if (limits.min_ttl_ms > limits.ttl_ms) {
        limits.min_ttl_ms = limits.ttl_ms;
    }
    return limits;
}

/* Records made at or before this instant are `age_ms` old; 0 = none can be. */
static uint64_t made_before(const struct tx *tx, uint64_t age_ms)
{
    uint64_t age_ns = age_ms * NS_PER_MS; /* At most ten years: see kept_limits. */

    return tx->now_ns > age_ns ? tx->now_ns - age_ns : 0;
}

bool kept_is_over(const struct tx *tx, uint64_t at_ns)
{
    return at_ns <= made_before(tx, kept_limits_of(tx->meta).ttl_ms);
}

/* --- Letting go ----------------------------------------------------------------------------------
 */

struct victim {
    uint64_t seq;
    uint64_t age_hash;
    struct row_key record;
    uint64_t record_hash;
};

struct kept_scan {
    struct tx *tx;
    struct victim *victims;
    uint32_t count;
    uint32_t count_max;
    uint64_t before_ns; /* Those made later stay. */
    uint64_t next_seq;  /* The oldest that stays; 0 = none does. */
    uint64_t next_at_ns;
};

/* ERR_CLOSED ends the scan without being a failure. */
static enum err_code look(void *context, struct slice key, struct slice value, struct err *err)
{
    struct kept_scan *scan = context;
    struct victim *victim = &scan->victims[scan->count];
    struct kept_age age;
    uint64_t seq;

    if (!number_key_read(slice_from(key, 1), &seq) ||
        protobuf_read(&kept_age_message, value, scan->tx->arena, &age, err) != ERR_NONE ||
        age.key.size == 0 || age.key.size > KEPT_KEY_MAX) {
        return err_set(err, ERR_CORRUPT, "the age of a kept outcome does not decode");
    }
    if (scan->count == scan->count_max || age.at_ns > scan->before_ns) {
        scan->next_seq = seq;
        scan->next_at_ns = age.at_ns;
        return ERR_CLOSED;
    }
    *victim =
        (struct victim){seq, row_hash(TABLE_KEPT, key, value), kept_row_key(age.key), age.hash};
    scan->count++;
    return ERR_NONE;
}

/* Removes up to count_max of the oldest records that were made at or before `before_ns`. */
static uint32_t drop_oldest(struct tx *tx, uint32_t count_max, uint64_t before_ns)
{
    struct kept_scan scan = {.tx = tx, .count_max = count_max, .before_ns = before_ns};
    struct row_key from = kept_age_key(tx->meta->kept_oldest);
    struct err err;
    enum err_code code;

    if (tx->meta->kept_count == 0 || tx->meta->kept_oldest_at > before_ns) {
        return 0;
    }
    scan.victims = tx_array(tx, count_max + 1, sizeof(*scan.victims));
    if (!scan.victims) {
        return 0;
    }
    code = tx->kv->scan(tx->kv->self, TABLE_KEPT, row_key_slice(&from), look, &scan, &err);
    if (code != ERR_NONE && code != ERR_CLOSED) {
        (void)tx_fail(tx, code, err.text);
        return 0;
    }
    for (uint32_t i = 0; i < scan.count; i++) {
        struct row_key age = kept_age_key(scan.victims[i].seq);

        tx_forget(tx, TABLE_KEPT, &age, scan.victims[i].age_hash);
        tx_forget(tx, TABLE_KEPT, &scan.victims[i].record, scan.victims[i].record_hash);
    }
    tx->meta->kept_count -= scan.count;
    tx->meta->kept_oldest = scan.next_seq ? scan.next_seq : tx->meta->kept_seq + 1;
    tx->meta->kept_oldest_at = scan.next_at_ns;
    return scan.count;
}

/* Removes records over the bound before their time, but none that is too young for that. */
static uint32_t evict(struct tx *tx, uint32_t count_max)
{
    uint32_t count =
        drop_oldest(tx, count_max, made_before(tx, kept_limits_of(tx->meta).min_ttl_ms));

    tx->meta->kept_evicted += count;
    return count;
}

uint64_t kept_due_ns(const struct meta_row *meta)
{
    struct kept_limits limits = kept_limits_of(meta);
    uint64_t pause_ms = limits.ttl_ms / 16 < SWEEP_PAUSE_MS ? limits.ttl_ms / 16 : SWEEP_PAUSE_MS;
    uint64_t keep_ms = limits.ttl_ms + pause_ms;

    if (meta->kept_count == 0) {
        return UINT64_MAX;
    }
    if (meta->kept_count > limits.max) {
        keep_ms = limits.min_ttl_ms;
    }
    return meta->kept_oldest_at + keep_ms * NS_PER_MS;
}

uint32_t kept_sweep(struct tx *tx, uint32_t count_max)
{
    struct kept_limits limits = kept_limits_of(tx->meta);
    uint32_t count = drop_oldest(tx, count_max, made_before(tx, limits.ttl_ms));
    uint64_t over = tx->meta->kept_count > limits.max ? tx->meta->kept_count - limits.max : 0;

    if (over > 0 && count < count_max) {
        count += evict(tx, over < count_max - count ? (uint32_t)over : count_max - count);
    }
    return count;
}

/* At the bound some go together, because finding the oldest costs more than removing it. */
bool kept_make_room(struct tx *tx)
{
    struct kept_limits limits = kept_limits_of(tx->meta);
    uint32_t count = limits.max / 16 < EVICT_MAX ? (uint32_t)(limits.max / 16) : EVICT_MAX;

    if (tx->meta->kept_count < limits.max) {
        return true;
    }
    (void)evict(tx, count > 0 ? count : 1);
    return tx->meta->kept_count < limits.max;
}

static void remove_age(struct tx *tx, uint64_t seq)
{
    struct row_key key = kept_age_key(seq);
    struct slice value = tx_get(tx, TABLE_KEPT, &key);

    if (!value.data) {
        (void)tx_fail(tx, ERR_CORRUPT, "a kept outcome has no age");
        return;
    }
    tx_delete(tx, TABLE_KEPT, &key, value);
}

void kept_store(struct tx *tx, struct slice key, const struct kept_row *row, struct slice value,
                struct slice old, uint64_t old_seq)
{
    struct row_key record_key = kept_row_key(key);
    struct row_key age_key = kept_age_key(row->seq);
    struct kept_age age = {
        .key = key,
        .hash = row_hash(TABLE_KEPT, row_key_slice(&record_key), value),
        .at_ns = row->at_ns,
    };

    tx_put(tx, TABLE_KEPT, &record_key, old, value, 0);
    tx_put(tx, TABLE_KEPT, &age_key, slice_of(NULL, 0), tx_encode(tx, &kept_age_message, &age), 0);
    if (old.data) {
        remove_age(tx, old_seq);
    } else {
        tx->meta->kept_count++;
    }
    if (tx->meta->kept_count == 1) {
        tx->meta->kept_oldest = row->seq;
        tx->meta->kept_oldest_at = row->at_ns;
    }
    tx->meta->kept_seq = row->seq;
}
