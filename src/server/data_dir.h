/* The data directory as a whole: whose it is, that nobody else uses it, and which versions can read
 * it.
 *
 *     LOCK      held while a process uses the directory; its text is that process's number
 *     VERSION   what the directory holds, as lines of `key = value` (docs/formats/data-dir.md)
 *     log/      the Raft log (replica)
 *     state/    the rows (store)
 *
 * An executable refuses a directory that a later one may have written something into that it does
 * not know: a later format, more tables, more operations. An older format is brought up to date,
 * step by step, before anything else reads it. */
#ifndef SERVER_DATA_DIR_H
#define SERVER_DATA_DIR_H

#include "base/disk.h"
#include "server/refusal.h"

#define DATA_FORMAT 1 /* Of this executable. A row in data_dir_steps brings each older one up. */
#define DATA_NAME_MAX 256

/* The contents of VERSION. */
struct data_version {
    uint64_t format;     /* 0: there was no such file yet. */
    uint64_t tables;     /* How many tables the writer knew, */
    uint64_t operations; /* and its highest operation code: both may be in the data. */
    uint64_t cluster_id; /* 0: not known yet. */
    char node_id[DATA_NAME_MAX];
    char created_by[32]; /* Versions of the executable: who made the directory, */
    char written_by[32]; /* and who last wrote to it. */
};

struct data_dir {
    struct disk *disk;
    int lock; /* -1: not held. */
    struct data_version version;
};

/* Opens and locks `path`, made when missing, and brings VERSION up to this executable. A directory
 * that is new is refused unless `may_begin`.
 *
 * False: *refusal says why, and the directory is as it was, but for VERSION when a step failed.
 * Main thread, blocks. */
bool data_dir_open(const char *path, const char *node_id, bool may_begin, struct data_dir *ret_dir,
                   struct refusal *refusal);

/* The log in it belongs to `cluster_id`: recorded the first time, compared ever after. */
bool data_dir_is_of(struct data_dir *dir, uint64_t cluster_id, struct refusal *refusal);

/* Lets it go. Takes one that was never opened, with lock -1. */
void data_dir_close(struct data_dir *dir);

/* VERSION as text and back. False: a key is missing, unknown or malformed; *ret_line is where. */
struct buf;
void data_version_write(const struct data_version *version, struct buf *buf);
bool data_version_read(struct slice text, struct data_version *ret_version, uint32_t *ret_line);

#endif
