/* The real disk over POSIX: see disk.h. Every path is resolved below one open directory, so a
 * rename of the data directory while the server runs does no harm. Interrupted calls are repeated,
 * short ones continued; all else is reported once. */
#include "base/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_PATH_MAX 4096
#define DIR_MODE 0700
#define FILE_MODE 0600

struct posix_disk {
    struct disk disk;
    int root;
};

/* One name of a listing, until their number is known. */
struct entry {
    struct entry *next;
    const char *name;
};

static int root_of(const void *self)
{
    return ((const struct posix_disk *)self)->root;
}

static enum err_code fail(struct err *err, int number, const char *what, const char *path)
{
    const char *text = strerrordesc_np(number);
    enum err_code code = ERR_IO;

    if (number == ENOSPC || number == EDQUOT) {
        code = ERR_NO_SPACE;
    } else if (number == ENOENT) {
        code = ERR_NOT_FOUND;
    } else if (number == EEXIST) {
        code = ERR_STATE;
    } else if (number == ENOMEM) {
        code = ERR_NOMEM;
    }
    return err_set(err, code, "%s %s: %s", what, path, text ? text : "unknown error");
}

/* As fail, for a file that is open: a path can not be what is wrong. */
static enum err_code fail_file(struct err *err, int number, const char *what, uint64_t offset)
{
    const char *text = strerrordesc_np(number);
    enum err_code code = number == ENOSPC || number == EDQUOT ? ERR_NO_SPACE : ERR_IO;

    return err_set(err, code, "%s at %llu: %s", what, (unsigned long long)offset,
                   text ? text : "unknown error");
}

static int sync_fd(int fd)
{
    int result;

    do {
        result = fsync(fd);
    } while (result < 0 && errno == EINTR);
    return result;
}

static int preallocate(int file, uint64_t size)
{
    int number;

    if (size == 0) {
        return 0;
    }
    do {
        number = posix_fallocate(file, 0, (off_t)size);
    } while (number == EINTR);
    return number;
}

static enum err_code posix_open(void *self, const char *path, bool create, uint64_t size,
                                int *ret_file, struct err *err)
{
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT | O_EXCL : 0);
    int number;
    int file;

    do {
        file = openat(root_of(self), path, flags, FILE_MODE);
    } while (file < 0 && errno == EINTR);
    if (file < 0) {
        return fail(err, errno, create ? "create" : "open", path);
    }
    number = create ? preallocate(file, size) : 0;
    if (number) {
        (void)close(file);
        (void)unlinkat(root_of(self), path, 0);
        return fail(err, number, "preallocate", path);
    }
    *ret_file = file;
    return ERR_NONE;
}

static void posix_close(void *self, int file)
{
    (void)self;
    (void)close(file);
}

static enum err_code posix_read(void *self, int file, uint64_t offset, void *bytes, size_t size,
                                size_t *ret_size, struct err *err)
{
    size_t done = 0;

    (void)self;
    while (done < size) {
        ssize_t got = pread(file, (uint8_t *)bytes + done, size - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail_file(err, errno, "read", offset + done);
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *ret_size = done;
    return ERR_NONE;
}

static enum err_code posix_write(void *self, int file, uint64_t offset, const void *bytes,
                                 size_t size, struct err *err)
{
    size_t done = 0;

    (void)self;
    while (done < size) {
        ssize_t put =
            pwrite(file, (const uint8_t *)bytes + done, size - done, (off_t)(offset + done));

        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return fail_file(err, put < 0 ? errno : EIO, "write", offset + done);
        }
        done += (size_t)put;
    }
    return ERR_NONE;
}

static enum err_code posix_sync(void *self, int file, struct err *err)
{
    int result;

    (void)self;
    do {
        result = fdatasync(file);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? fail_file(err, errno, "sync", 0) : ERR_NONE;
}

static enum err_code posix_size(void *self, int file, uint64_t *ret_size, struct err *err)
{
    struct stat stat;

    (void)self;
    if (fstat(file, &stat) < 0) {
        return fail_file(err, errno, "stat", 0);
    }
    *ret_size = (uint64_t)stat.st_size;
    return ERR_NONE;
}

static enum err_code posix_sync_dir(void *self, struct err *err)
{
    return sync_fd(root_of(self)) < 0 ? fail(err, errno, "sync", "directory") : ERR_NONE;
}

static enum err_code posix_rename(void *self, const char *from, const char *to, struct err *err)
{
    if (renameat(root_of(self), from, root_of(self), to) < 0) {
        return fail(err, errno, "rename", from);
    }
    return ERR_NONE;
}

static enum err_code posix_remove(void *self, const char *path, struct err *err)
{
    return unlinkat(root_of(self), path, 0) < 0 ? fail(err, errno, "remove", path) : ERR_NONE;
}

static bool is_directory(int root, const struct dirent *found)
{
    struct stat stat;

    if (found->d_type != DT_UNKNOWN) {
        return found->d_type == DT_DIR;
    }
    return fstatat(root, found->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(stat.st_mode);
}

/* Collects the names; errno 0 tells the end of a directory from a failure. */
static enum err_code read_names(DIR *directory, struct arena *arena, struct entry **ret_names,
                                uint32_t *ret_count, struct err *err)
{
    struct entry *names = NULL;
    const struct dirent *found;
    uint32_t count = 0;

    while (errno = 0, (found = readdir(directory))) {
        struct entry *entry;

        if (is_directory(dirfd(directory), found)) {
            continue;
        }
        entry = arena_alloc(arena, sizeof(*entry));
        if (!entry || !(entry->name = arena_printf(arena, "%s", found->d_name))) {
            return err_set(err, ERR_NOMEM, "no room for more than %u file names", count);
        }
        entry->next = names;
        names = entry;
        count++;
    }
    if (errno) {
        return fail(err, errno, "list", "directory");
    }
    *ret_names = names;
    *ret_count = count;
    return ERR_NONE;
}

static enum err_code posix_list(void *self, struct arena *arena, const char ***ret_names,
                                uint32_t *ret_count, struct err *err)
{
    int fd = openat(root_of(self), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct entry *entry = NULL;
    const char **names;
    enum err_code code;
    uint32_t count = 0;

    if (!directory) {
        code = fail(err, errno, "list", "directory");
        if (fd >= 0) {
            (void)close(fd);
        }
        return code;
    }
    code = read_names(directory, arena, &entry, &count, err);
    (void)closedir(directory);
    if (code) {
        return code;
    }
    names = arena_array(arena, (size_t)count + 1, sizeof(*names));
    if (!names) {
        return err_set(err, ERR_NOMEM, "no room for %u file names", count);
    }
    for (uint32_t i = 0; entry; entry = entry->next) {
        names[i++] = entry->name;
    }
    *ret_names = names;
    *ret_count = count;
    return ERR_NONE;
}

/* Makes a new directory's name durable by syncing the directory that holds it. */
static enum err_code sync_parent(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    char parent[DIR_PATH_MAX];
    int result;
    int fd;

    if (!slash) {
        (void)snprintf(parent, sizeof(parent), ".");
    } else {
        (void)snprintf(parent, sizeof(parent), "%.*s/", (int)(slash - path), path);
    }
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return fail(err, errno, "open", parent);
    }
    result = sync_fd(fd);
    if (result < 0) {
        result = errno;
    }
    (void)close(fd);
    return result ? fail(err, result, "sync", parent) : ERR_NONE;
}

static enum err_code make_dir(const char *path, struct err *err)
{
    if (mkdir(path, DIR_MODE) == 0) {
        return sync_parent(path, err);
    }
    /* What is there may be a file: the open that follows says so. */
    return errno == EEXIST ? ERR_NONE : fail(err, errno, "create", path);
}

static enum err_code make_dirs(const char *dir, struct err *err)
{
    size_t size = strlen(dir);
    char path[DIR_PATH_MAX];
    enum err_code code;

    if (size == 0 || size >= sizeof(path)) {
        return err_set(err, ERR_INVALID, "a directory name has 1 to %d bytes", DIR_PATH_MAX - 1);
    }
    while (size > 1 && dir[size - 1] == '/') {
        size--;
    }
    memcpy(path, dir, size);
    path[size] = '\0';
    for (size_t i = 1; i < size; i++) {
        if (path[i] != '/' || path[i - 1] == '/') {
            continue;
        }
        path[i] = '\0';
        code = make_dir(path, err);
        path[i] = '/';
        if (code) {
            return code;
        }
    }
    return make_dir(path, err);
}

static const struct disk calls = {
    .open = posix_open,
    .close = posix_close,
    .read = posix_read,
    .write = posix_write,
    .sync = posix_sync,
    .size = posix_size,
    .sync_dir = posix_sync_dir,
    .rename = posix_rename,
    .remove = posix_remove,
    .list = posix_list,
};

enum err_code disk_open(const char *dir, struct disk **ret_disk, struct err *err)
{
    enum err_code code = make_dirs(dir, err);
    struct posix_disk *disk;
    int root;

    if (code) {
        return code;
    }
    root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return fail(err, errno, "open", dir);
    }
    disk = malloc(sizeof(*disk));
    if (!disk) {
        (void)close(root);
        return err_set(err, ERR_NOMEM, "no memory for a disk");
    }
    disk->root = root;
    disk->disk = calls;
    disk->disk.self = disk;
    *ret_disk = &disk->disk;
    return ERR_NONE;
}

void disk_close(struct disk *disk)
{
    if (!disk) {
        return;
    }
    (void)close(root_of(disk->self));
    free(disk->self);
}
