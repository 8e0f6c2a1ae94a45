/* File operations as an interface: the real disk, a recording or failing wrapper, or the
 * simulator's virtual one.
 *
 * Paths are relative to the disk's root directory. Calls block; the log thread makes them. A sync
 * that fails is final for that file: the page cache may have dropped the bytes (see the fsyncgate
 * reports). */
#ifndef BASE_DISK_H
#define BASE_DISK_H

#include "base/arena.h"
#include "base/common.h"
#include "base/err.h"

struct disk {
    void *self;
    /* Opens a file for reading and writing; with create it must not exist and is preallocated to
     * `size` zero bytes. The handle is >= 0. ERR_NOT_FOUND, ERR_STATE (exists), ERR_NO_SPACE,
     * ERR_IO. */
    enum err_code (*open)(void *self, const char *path, bool create, uint64_t size, int *ret_file,
                          struct err *err);
    void (*close)(void *self, int file);
    /* Reads exactly size bytes or fewer at the end of the file. */
    enum err_code (*read)(void *self, int file, uint64_t offset, void *bytes, size_t size,
                          size_t *ret_size, struct err *err);
    /* Writes all bytes (short writes are continued). ERR_NO_SPACE, ERR_IO. */
    enum err_code (*write)(void *self, int file, uint64_t offset, const void *bytes, size_t size,
                           struct err *err);
    /* fdatasync. ERR_IO, ERR_NO_SPACE. */
    enum err_code (*sync)(void *self, int file, struct err *err);
    enum err_code (*size)(void *self, int file, uint64_t *ret_size, struct err *err);
    /* fsync of the root directory: makes creates, renames and removes durable. */
    enum err_code (*sync_dir)(void *self, struct err *err);
    enum err_code (*rename)(void *self, const char *from, const char *to, struct err *err);
    enum err_code (*remove)(void *self, const char *path, struct err *err);
    /* File names in no special order, in the arena. */
    enum err_code (*list)(void *self, struct arena *arena, const char ***ret_names,
                          uint32_t *ret_count, struct err *err);
};

/* The real one, rooted at `dir` (created with its parents when missing). ERR_IO, ERR_NOMEM. Any
 * thread may use it. */
enum err_code disk_open(const char *dir, struct disk **ret_disk, struct err *err) MUST_USE;
void disk_close(struct disk *disk);

#endif
