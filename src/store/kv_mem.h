/* The same interface over memory, with a crash model: for tests, goldens and the simulator. */
#ifndef STORE_KV_MEM_H
#define STORE_KV_MEM_H

#include "core/kv.h"

struct kv_mem;

/* An empty store. ERR_NOMEM. */
enum err_code kv_mem_create(uint32_t table_count, struct kv_mem **ret_mem,
                            struct err *err) MUST_USE;
void kv_mem_destroy(struct kv_mem *mem);

/* The interface for core; owned by `mem`. */
struct kv *kv_mem_kv(struct kv_mem *mem);

/* Makes the committed state the one that a crash falls back to ("flushed"). */
void kv_mem_flush(struct kv_mem *mem);

/* Forgets all that was not flushed, as a power cut does. */
void kv_mem_crash(struct kv_mem *mem);

/* The mark of the last commit, and of the last flush. */
struct kv_mark kv_mem_committed(const struct kv_mem *mem);
struct kv_mark kv_mem_flushed(const struct kv_mem *mem);

/* Puts and removes since the start, for budgets. */
uint64_t kv_mem_writes(const struct kv_mem *mem);

#endif
