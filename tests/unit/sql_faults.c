/* Planted failures of SQLite's files: see sql_faults.h. A file of ours is a head before SQLite's
 * own file, which does the work. */
#include "tests/unit/sql_faults.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

atomic_int sql_faults_read_at, sql_faults_write_at;

struct fault_file {
    sqlite3_file head;
    sqlite3_file real; /* The first bytes of it. */
};

static sqlite3_vfs *below;

static sqlite3_file *real_of(sqlite3_file *file)
{
    return &((struct fault_file *)file)->real;
}

static bool must_fail(atomic_int *at)
{
    return atomic_load(at) > 0 && atomic_fetch_sub(at, 1) == 1;
}

static int fault_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int fault_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 offset)
{
    return must_fail(&sql_faults_read_at)
               ? SQLITE_IOERR_READ
               : real_of(file)->pMethods->xRead(real_of(file), bytes, size, offset);
}

static int fault_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
    return must_fail(&sql_faults_write_at)
               ? SQLITE_IOERR_WRITE
               : real_of(file)->pMethods->xWrite(real_of(file), bytes, size, offset);
}

static int fault_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int fault_sync(sqlite3_file *file, int flags)
{
    return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int fault_file_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), ret_size);
}

static int fault_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int fault_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int fault_check_lock(sqlite3_file *file, int *ret_locked)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret_locked);
}

static int fault_control(sqlite3_file *file, int op, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), op, argument);
}

static int fault_sector_size(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int fault_device(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = fault_close,
    .xRead = fault_read,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_file_size,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_check_lock,
    .xFileControl = fault_control,
    .xSectorSize = fault_sector_size,
    .xDeviceCharacteristics = fault_device,
};

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                      int *ret_flags)
{
    int result = below->xOpen(below, name, real_of(file), flags, ret_flags);

    (void)vfs;
    file->pMethods = real_of(file)->pMethods ? &methods : NULL;
    return result;
}

static sqlite3_vfs fault_vfs;

void sql_faults_install(void)
{
    int result;

    below = sqlite3_vfs_find(NULL);
    assert(below && below != &fault_vfs);
    fault_vfs = *below;
    fault_vfs.pNext = NULL;
    fault_vfs.zName = "faults";
    fault_vfs.szOsFile = (int)offsetof(struct fault_file, real) + below->szOsFile;
    fault_vfs.xOpen = fault_open;
    result = sqlite3_vfs_register(&fault_vfs, 1);
    assert(result == SQLITE_OK);
}

void sql_faults_remove(void)
{
    int result = sqlite3_vfs_unregister(&fault_vfs);

    assert(result == SQLITE_OK);
    result = sqlite3_vfs_register(below, 1);
    assert(result == SQLITE_OK);
}
