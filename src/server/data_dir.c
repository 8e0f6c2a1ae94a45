/* Opening the data directory: see data_dir.h. */
#include "server/data_dir.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/version.h"
#include "core/core.h"
#include "core/ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE_MAX 4096
#define VERSION_SIZE_MAX 4096

/* --- The directory -----------------------------------------------------------------------------
 */

/* Cuts the last part off; false when there is none left. */
static bool cut_last(char *path)
{
    char *slash = strrchr(path, '/');

    if (!slash) {
        return strcmp(path, ".") != 0 && snprintf(path, 2, ".") == 1;
    }
    *(slash == path ? slash + 1 : slash) = '\0';
    return slash != path || strlen(path) > 1;
}

/* Why the directory could not be made: by the nearest part of its path that exists. */
static bool explain_path(const char *path, const struct err *err, struct refusal *refusal)
{
    char parent[PATH_SIZE_MAX];
    struct stat stat_of;

    (void)snprintf(parent, sizeof(parent), "%s", path);
    while (stat(parent, &stat_of) != 0) {
        if (errno != ENOENT && errno != ENOTDIR) {
            return refuse_path(refusal, errno, "use", parent);
        }
        if (!cut_last(parent)) {
            break;
        }
    }
    if (!S_ISDIR(stat_of.st_mode)) {
        return refuse(refusal, REFUSAL_NOT_A_DIRECTORY,
                      "%s is a file, and --data-dir wants a "
                      "directory",
                      parent);
    }
    if (access(parent, R_OK | W_OK | X_OK) != 0) {
        return refuse_path(refusal, errno, "write to", parent);
    }
    return refuse_err(refusal, err, REFUSAL_OTHER, REFUSAL_OTHER);
}

/* Parts that another user owns would fail later, with less to say. */
static bool check_part(const char *path, const char *name, struct refusal *refusal)
{
    char part[PATH_SIZE_MAX];

    if ((size_t)snprintf(part, sizeof(part), "%s/%s", path, name) < sizeof(part) &&
        access(part, F_OK) == 0 && access(part, R_OK | W_OK | X_OK) != 0) {
        return refuse_path(refusal, errno, "write to", part);
    }
    return true;
}

static bool open_directory(const char *path, struct data_dir *dir, struct refusal *refusal)
{
    struct err err;

    if (disk_open(path, &dir->disk, &err)) {
        return explain_path(path, &err, refusal);
    }
    if (access(path, R_OK | W_OK | X_OK) != 0) {
        return refuse_path(refusal, errno, "write to", path);
    }
    return check_part(path, "log", refusal) && check_part(path, "state", refusal);
}

/* --- What is there -----------------------------------------------------------------------------
 */

struct contents {
    bool has_version, has_log;
    char stranger[DATA_NAME_MAX]; /* A name that is not ours; "" = none. */
};

static bool is_ours(const char *name)
{
    static const char *const names[] = {".",   "..",    "LOCK", "VERSION",   "VERSION.tmp",
                                        "log", "state", "view", "lost+found"};

    for (uint32_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Nothing is written before it is known that this is no directory of something else. */
static bool look_around(const char *path, struct contents *ret_contents, struct refusal *refusal)
{
    struct contents contents = {0};
    DIR *directory = opendir(path);
    const struct dirent *found;

    if (!directory) {
        return refuse_path(refusal, errno, "list", path);
    }
    while ((found = readdir(directory))) {
        contents.has_log |= strcmp(found->d_name, "log") == 0;
        contents.has_version |= strcmp(found->d_name, "VERSION") == 0;
        if (!is_ours(found->d_name)) {
            (void)snprintf(contents.stranger, sizeof(contents.stranger), "%s", found->d_name);
        }
    }
    (void)closedir(directory);
    if (*contents.stranger && !contents.has_log && !contents.has_version) {
        return refuse(refusal, REFUSAL_FOREIGN, "%s holds '%s', which is not Corvo's, and no log",
                      path, contents.stranger);
    }
    *ret_contents = contents;
    return true;
}

/* --- LOCK --------------------------------------------------------------------------------------
 */

/* F_GETLK knows the holder, unless it lives among other process numbers; then its text does. */
static long holder_of(int file)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char text[32] = "";

    if (fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0) {
        return lock.l_pid;
    }
    return pread(file, text, sizeof(text) - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

static bool take_lock(const char *path, struct data_dir *dir, struct refusal *refusal)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char name[PATH_SIZE_MAX];
    char text[32];
    int size;

    (void)snprintf(name, sizeof(name), "%s/LOCK", path);
    dir->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (dir->lock < 0) {
        return refuse_path(refusal, errno, "open", name);
    }
    if (fcntl(dir->lock, F_SETLK, &lock) != 0) {
        if (errno != EAGAIN && errno != EACCES) {
            return refuse_path(refusal, errno, "lock", name);
        }
        return refuse(refusal, REFUSAL_LOCKED, "the data directory %s is in use by process %ld",
                      path, holder_of(dir->lock));
    }
    size = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(dir->lock, 0) != 0 || pwrite(dir->lock, text, (size_t)size, 0) != size) {
        return refuse_path(refusal, errno, "write", name);
    }
    return true;
}

/* --- VERSION -----------------------------------------------------------------------------------
 */

static bool write_version(struct data_dir *dir, struct refusal *refusal)
{
    struct disk *disk = dir->disk;
    struct err err = {0};
    struct buf buf;
    int file = -1;

    buf_init(&buf, VERSION_SIZE_MAX);
    data_version_write(&dir->version, &buf);
    assert(!buf.failed);
    (void)disk->remove(disk->self, "VERSION.tmp", NULL);
    if (!disk->open(disk->self, "VERSION.tmp", true, 0, &file, &err) &&
        !disk->write(disk->self, file, 0, buf.data, buf.size, &err) &&
        !disk->sync(disk->self, file, &err) &&
        !disk->rename(disk->self, "VERSION.tmp", "VERSION", &err) &&
        !disk->sync_dir(disk->self, &err)) {
        err.code = ERR_NONE;
    }
    if (file >= 0) {
        disk->close(disk->self, file);
    }
    buf_done(&buf);
    return !err.code || refuse_err(refusal, &err, REFUSAL_OTHER, REFUSAL_OTHER);
}

static bool read_version(const char *path, struct data_dir *dir, struct refusal *refusal)
{
    struct disk *disk = dir->disk;
    uint8_t bytes[VERSION_SIZE_MAX];
    uint32_t line = 0;
    struct err err;
    size_t size = 0;
    int file;

    if (disk->open(disk->self, "VERSION", false, 0, &file, &err)) {
        return refuse_err(refusal, &err, REFUSAL_OTHER, REFUSAL_OTHER);
    }
    if (disk->read(disk->self, file, 0, bytes, sizeof(bytes), &size, &err)) {
        disk->close(disk->self, file);
        return refuse_err(refusal, &err, REFUSAL_OTHER, REFUSAL_OTHER);
    }
    disk->close(disk->self, file);
    if (!data_version_read(slice_of(bytes, size), &dir->version, &line)) {
        return refuse(refusal, REFUSAL_CORRUPT,
                      "%s/VERSION, line %u: malformed, or a key is missing", path, line);
    }
    return true;
}

/* --- Whose it is, and which version's ----------------------------------------------------------
 */

static uint64_t highest_operation(void)
{
    uint32_t count;
    const struct op_spec *const *ops = op_all(&count);
    uint64_t highest = 0;

    for (uint32_t i = 0; i < count; i++) {
        highest = ops[i]->code > highest ? ops[i]->code : highest;
    }
    return highest;
}

static bool check_version(const char *path, const struct data_version *there,
                          const struct data_version *mine, struct refusal *refusal)
{
    static const struct {
        const char *what;
        uint32_t offset;
    } rows[] = {
        {"the data format", offsetof(struct data_version, format)},
        {"the number of tables", offsetof(struct data_version, tables)},
        {"the highest operation", offsetof(struct data_version, operations)},
    };

    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint64_t has;
        uint64_t knows;

        memcpy(&has, (const uint8_t *)there + rows[i].offset, sizeof(has));
        memcpy(&knows, (const uint8_t *)mine + rows[i].offset, sizeof(knows));
        if (has > knows) {
            return refuse(refusal, REFUSAL_NEWER,
                          "%s was written by corvo %s: %s is %" PRIu64
                          ", and this corvo %s knows %" PRIu64,
                          path, there->written_by, rows[i].what, has, VERSION_TEXT, knows);
        }
    }
    if (strcmp(there->node_id, mine->node_id) != 0) {
        return refuse(refusal, REFUSAL_OTHER_NODE, "%s belongs to node '%s', and --node-id is '%s'",
                      path, there->node_id, mine->node_id);
    }
    return true;
}

/* --- Older formats -----------------------------------------------------------------------------
 */

/* From before there was a VERSION. What it would have said is not known but for what is true now.
 */
static bool step_from_0(struct data_dir *dir, struct refusal *refusal)
{
    (void)refusal;
    (void)snprintf(dir->version.created_by, sizeof(dir->version.created_by), "before VERSION");
    return true;
}

/* data_dir_steps[n] makes format n + 1 of format n. A step may run again after a crash. */
static bool (*const data_dir_steps[DATA_FORMAT])(struct data_dir *dir, struct refusal *refusal) = {
    step_from_0,
};

static bool bring_up(const char *path, struct data_dir *dir, struct refusal *refusal)
{
    while (dir->version.format < DATA_FORMAT) {
        if (!data_dir_steps[dir->version.format](dir, refusal)) {
            return false;
        }
        dir->version.format++;
        log_write(LOG_INFO, "%s: brought up to data format %" PRIu64, path, dir->version.format);
    }
    return true;
}

/* --- All of it ---------------------------------------------------------------------------------
 */

static struct data_version own_version(const char *node_id)
{
    struct data_version version = {.format = DATA_FORMAT, .operations = highest_operation()};
    uint32_t table_count;

    (void)core_tables(&table_count);
    version.tables = table_count;
    (void)snprintf(version.node_id, sizeof(version.node_id), "%s", node_id);
    (void)snprintf(version.created_by, sizeof(version.created_by), "%s", VERSION_TEXT);
    (void)snprintf(version.written_by, sizeof(version.written_by), "%s", VERSION_TEXT);
    return version;
}

static bool refuse_empty(const char *path, struct refusal *refusal)
{
    return refuse(refusal, REFUSAL_EMPTY, "there is no data in %s, and --bootstrap is false", path);
}

/* What this executable may write is said before it writes any of it. */
static bool settle_version(const char *path, struct data_dir *dir, const struct data_version *mine,
                           const struct contents *contents, struct refusal *refusal)
{
    struct data_version there = dir->version;
    bool found = contents->has_version;

    if (found && !check_version(path, &there, mine, refusal)) {
        return false;
    }
    if (there.cluster_id != 0 && !contents->has_log) {
        return refuse(refusal, REFUSAL_CORRUPT, "%s/log is missing, and VERSION knows it", path);
    }
    dir->version = *mine;
    if (found) {
        dir->version.cluster_id = there.cluster_id;
        memcpy(dir->version.created_by, there.created_by, sizeof(there.created_by));
    }
    dir->version.format = found ? there.format : contents->has_log ? 0 : DATA_FORMAT;
    if (!bring_up(path, dir, refusal)) {
        return false;
    }
    return (found && memcmp(&dir->version, &there, sizeof(there)) == 0) ||
           write_version(dir, refusal);
}

static bool open_all(const char *path, const char *node_id, bool may_begin, struct data_dir *dir,
                     struct refusal *refusal)
{
    struct data_version mine = own_version(node_id);
    struct contents contents = {0};

    if (strlen(path) + 16 > PATH_SIZE_MAX || strlen(node_id) >= DATA_NAME_MAX) {
        return refuse(refusal, REFUSAL_OTHER, "--data-dir or --node-id is too long");
    }
    if (!may_begin && access(path, F_OK) != 0) {
        return refuse_empty(path, refusal);
    }
    if (!open_directory(path, dir, refusal) || !look_around(path, &contents, refusal)) {
        return false;
    }
    if (!contents.has_log && !contents.has_version && !may_begin) {
        return refuse_empty(path, refusal);
    }
    return take_lock(path, dir, refusal) &&
           (!contents.has_version || read_version(path, dir, refusal)) &&
           settle_version(path, dir, &mine, &contents, refusal);
}

bool data_dir_open(const char *path, const char *node_id, bool may_begin, struct data_dir *ret_dir,
                   struct refusal *refusal)
{
    struct data_dir dir = {.lock = -1};

    if (!open_all(path, node_id, may_begin, &dir, refusal)) {
        data_dir_close(&dir);
        return false;
    }
    *ret_dir = dir;
    return true;
}

bool data_dir_is_of(struct data_dir *dir, uint64_t cluster_id, struct refusal *refusal)
{
    if (dir->version.cluster_id == cluster_id) {
        return true;
    }
    if (dir->version.cluster_id != 0) {
        return refuse(refusal, REFUSAL_OTHER_CLUSTER,
                      "the log is of cluster %016" PRIx64 ", and VERSION says %016" PRIx64,
                      cluster_id, dir->version.cluster_id);
    }
    dir->version.cluster_id = cluster_id;
    return write_version(dir, refusal);
}

void data_dir_close(struct data_dir *dir)
{
    disk_close(dir->disk);
    if (dir->lock >= 0) {
        (void)close(dir->lock);
    }
    *dir = (struct data_dir){.lock = -1};
}
