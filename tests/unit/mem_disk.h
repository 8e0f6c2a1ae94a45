/* A disk in memory that can lose power, fail, fill up and rot: for tests and the simulator.
 *
 * It keeps what is visible (the page cache) apart from what is durable. A write is visible at once
 * and becomes durable by sync; a name appears, moves or goes at once and durably by sync_dir.
 * mem_disk_crash decides what happens to the rest. All chance comes from the seed. One thread. */
#ifndef TESTS_UNIT_MEM_DISK_H
#define TESTS_UNIT_MEM_DISK_H

#include "base/disk.h"

struct mem_disk;

/* Kinds of calls, as a set. */
enum mem_disk_call {
    MEM_DISK_CREATE = 1 << 0,
    MEM_DISK_OPEN = 1 << 1,
    MEM_DISK_READ = 1 << 2,
    MEM_DISK_WRITE = 1 << 3,
    MEM_DISK_SYNC = 1 << 4,
    MEM_DISK_SIZE = 1 << 5,
    MEM_DISK_SYNC_DIR = 1 << 6,
    MEM_DISK_RENAME = 1 << 7,
    MEM_DISK_REMOVE = 1 << 8,
    MEM_DISK_LIST = 1 << 9,
    MEM_DISK_CHANGES = MEM_DISK_CREATE | MEM_DISK_WRITE | MEM_DISK_SYNC | MEM_DISK_SYNC_DIR |
                       MEM_DISK_RENAME | MEM_DISK_REMOVE,
    MEM_DISK_ALL = (1 << 10) - 1,
};

struct mem_disk_fault {
    unsigned calls;     /* Which kinds fail; 0 = none. */
    uint64_t pass;      /* So many of them pass first. */
    bool sticky;        /* All from then on, not one. */
    bool partial;       /* A failing write has written its first half. */
    enum err_code code; /* ERR_IO or ERR_NO_SPACE. */
};

/* What happens to unsynced changes when the power goes. */
enum mem_disk_loss {
    MEM_DISK_KEEP, /* Nothing is lost: only the process was killed. */
    MEM_DISK_DROP, /* All of them are lost. */
    MEM_DISK_TORN, /* Each one is kept, lost or torn by sectors of 512 bytes, as chance wills. */
};

/* An empty disk. NULL: no memory. */
struct mem_disk *mem_disk_create(uint64_t seed);
void mem_disk_destroy(struct mem_disk *disk);

/* A copy of what is visible and durable now, without open files and faults. NULL: no memory. */
struct mem_disk *mem_disk_clone(const struct mem_disk *disk, uint64_t seed);

/* To be given to the code under test; lives as long as the disk. */
struct disk *mem_disk_interface(struct mem_disk *disk);

/* Another future: chance is drawn from this seed now. */
void mem_disk_set_seed(struct mem_disk *disk, uint64_t seed);

/* From now on; replaces an earlier fault. A failing sync loses the file's unsynced changes for
 * good, although they stay visible, as Linux does. */
void mem_disk_set_fault(struct mem_disk *disk, struct mem_disk_fault fault);

/* The power goes in the (passes + 1)-th changing call from now on: it fails, its effect is as good
 * as unsynced, and so do all later calls until mem_disk_crash. UINT64_MAX = never. */
void mem_disk_set_power(struct mem_disk *disk, uint64_t passes);
bool mem_disk_has_power(const struct mem_disk *disk);

/* Bytes of all files together; above it creating and growing gives ERR_NO_SPACE. UINT64_MAX = no
 * limit. */
void mem_disk_set_capacity(struct mem_disk *disk, uint64_t capacity);

/* Decides what survives, closes all files, restores power and clears the fault. */
void mem_disk_crash(struct mem_disk *disk, enum mem_disk_loss loss);

/* How many calls of these kinds were made (also failing ones). */
uint64_t mem_disk_count(const struct mem_disk *disk, unsigned calls);

/* The visible bytes of a file; NULL when there is none. Valid until the next change. */
uint8_t *mem_disk_bytes(struct mem_disk *disk, const char *path, size_t *ret_size);

/* Rot: flips bits of a byte, visible and durable. */
void mem_disk_flip(struct mem_disk *disk, const char *path, size_t offset, uint8_t bits);

/* Shortens a file, or makes it go, visibly and durably. */
void mem_disk_truncate(struct mem_disk *disk, const char *path, size_t size);
void mem_disk_lose(struct mem_disk *disk, const char *path);

/* True when every visible byte and name is durable. */
bool mem_disk_is_synced(const struct mem_disk *disk);

#endif
