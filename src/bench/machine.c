/* Reads /proc and directories. */
#include "bench/machine.h"

#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PROC_TEXT_MAX 8192
#define BLOCK_SIZE 512 /* Of st_blocks, whatever the file system's own is. */

/* The start of a file in /proc, NUL-terminated. */
static bool read_text(const char *path, char ret_text[PROC_TEXT_MAX])
{
    FILE *file = fopen(path, "re");
    size_t size;

    if (!file) {
        return false;
    }
    size = fread(ret_text, 1, PROC_TEXT_MAX - 1, file);
    ret_text[size] = '\0';
    (void)fclose(file);
    return size > 0;
}

static void read_cpu(char *ret_cpu, size_t size)
{
    char text[PROC_TEXT_MAX];
    const char *model;

    (void)snprintf(ret_cpu, size, "unknown");
    if (!read_text("/proc/cpuinfo", text)) {
        return;
    }
    model = strstr(text, "model name");
    model = model ? strstr(model, ": ") : NULL;
    if (model) {
        (void)snprintf(ret_cpu, size, "%.*s", (int)strcspn(model + 2, "\n"), model + 2);
    }
}

void machine_read(struct machine *ret_machine)
{
    struct utsname names;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    read_cpu(ret_machine->cpu, sizeof(ret_machine->cpu));
    ret_machine->core_count = cores > 0 ? (uint32_t)cores : 0;
    (void)snprintf(ret_machine->kernel, sizeof(ret_machine->kernel), "unknown");
    if (uname(&names) == 0) {
        (void)snprintf(ret_machine->kernel, sizeof(ret_machine->kernel), "%.15s %.63s",
                       names.sysname, names.release);
    }
}

/* The number behind `key` in a text of "key: number" lines. */
static bool number_of(const char *text, const char *key, uint64_t *ret_number)
{
    const char *found = strstr(text, key);

    if (!found) {
        return false;
    }
    *ret_number = strtoull(found + strlen(key), NULL, 10);
    return true;
}

/* Fields 14 and 15 of /proc/<pid>/stat, counted behind the name, which may hold spaces and
 * brackets. */
static bool cpu_of(const char *stat, uint64_t *ret_cpu_ns)
{
    const char *at = strrchr(stat, ')');
    uint64_t user;
    uint64_t system;
    long per_second = sysconf(_SC_CLK_TCK);
    char *end;

    for (int i = 0; i < 12 && at; i++) {
        at = strchr(at + 1, ' ');
    }
    if (!at || per_second <= 0) {
        return false;
    }
    user = strtoull(at, &end, 10);
    system = strtoull(end, NULL, 10);
    *ret_cpu_ns = (user + system) * (NS_PER_SECOND / (uint64_t)per_second);
    return true;
}

bool machine_process_use(int pid, struct process_use *ret_use)
{
    char path[64];
    char text[PROC_TEXT_MAX];
    struct process_use use = {0};

    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    if (!read_text(path, text) || !number_of(text, "\nVmRSS:", &use.rss_size) ||
        !number_of(text, "\nRssAnon:", &use.rss_anon_size)) {
        return false;
    }
    use.rss_size *= 1024; /* Told in kB. */
    use.rss_anon_size *= 1024;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (!read_text(path, text) || !cpu_of(text, &use.cpu_ns)) {
        return false;
    }
    (void)snprintf(path, sizeof(path), "/proc/%d/io", pid);
    if (read_text(path, text)) {
        (void)number_of(text, "\nwrite_bytes:", &use.written_size);
    }
    *ret_use = use;
    return true;
}

uint64_t machine_dir_size(const char *path)
{
    char copy[4096];
    char *const paths[] = {copy, NULL};
    uint64_t size = 0;
    FTSENT *entry;
    FTS *tree;

    (void)snprintf(copy, sizeof(copy), "%s", path);
    tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!tree) {
        return 0;
    }
    while ((entry = fts_read(tree))) {
        if (entry->fts_info == FTS_F) {
            size += (uint64_t)entry->fts_statp->st_blocks * BLOCK_SIZE;
        }
    }
    (void)fts_close(tree);
    return size;
}

void machine_dir_remove(const char *path)
{
    char copy[4096];
    char *const paths[] = {copy, NULL};
    FTSENT *entry;
    FTS *tree;

    (void)snprintf(copy, sizeof(copy), "%s", path);
    tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!tree) {
        return;
    }
    while ((entry = fts_read(tree))) {
        if (entry->fts_info == FTS_DP) {
            (void)rmdir(entry->fts_accpath);
        } else if (entry->fts_info != FTS_D) {
            (void)unlink(entry->fts_accpath);
        }
    }
    (void)fts_close(tree);
}
