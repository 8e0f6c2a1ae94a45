/* The table rows: see tables.h. */
#include "core/tables.h"

#include "core/core.h"

static const struct kv_table tables[TABLE_COUNT] = {
    [TABLE_META] = {"meta", KV_HOT},     [TABLE_QUEUE] = {"queue", KV_HOT},
    [TABLE_JOB] = {"job", KV_HOT},       [TABLE_PAYLOAD] = {"payload", KV_LARGE},
    [TABLE_MORE] = {"more", KV_LARGE},   [TABLE_ERROR] = {"error", KV_LARGE},
    [TABLE_DONE] = {"done", KV_HISTORY}, [TABLE_EVENT] = {"event", KV_HISTORY},
    [TABLE_LOCK] = {"lock", KV_HOT},     [TABLE_WINDOW] = {"window", KV_HOT},
    [TABLE_KEPT] = {"kept", KV_HOT},     [TABLE_PURGE] = {"purge", KV_HOT},
};

const struct kv_table *core_tables(uint32_t *ret_count)
{
    *ret_count = TABLE_COUNT;
    return tables;
}
