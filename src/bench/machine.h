/* What was measured on: a row of results without its machine says nothing. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include "base/common.h"

struct machine {
    char cpu[96];
    uint32_t core_count;
    char kernel[80];
};

/* Model, cores and kernel of this machine; "unknown" where it does not tell. Any thread. */
void machine_read(struct machine *ret_machine);

/* What a process used so far. */
struct process_use {
    uint64_t rss_size;      /* Bytes: anonymous memory, shared mappings and mapped files. */
    uint64_t rss_anon_size; /* Bytes. */
    uint64_t cpu_ns;        /* User and system. */
    uint64_t written_size;  /* Bytes it caused to be written to disk; 0 when not allowed to know. */
};

/* Reads /proc/<pid>; false when the process is gone or is somebody else's. Any thread. */
bool machine_process_use(int pid, struct process_use *ret_use);

/* Bytes of disk below a directory, by blocks in use; 0 when it can not be read. Any thread. */
uint64_t machine_dir_size(const char *path);

/* Removes a directory with all that is in it; links are removed, not followed. Any thread. */
void machine_dir_remove(const char *path);

#endif
