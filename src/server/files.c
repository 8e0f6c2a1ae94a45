/* The limit of open files: see files.h. */
#include "server/files.h"

#include "base/limits.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

static void lower_connections(struct config *config, uint64_t files_max)
{
    const char name[] = "max-connections";
    int row = server_option_find(name, strlen(name));
    bool asked = config->settings[row].origin != ORIGIN_DEFAULT;
    uint64_t *connections = &config->options.max_connections;

    log_write(asked ? LOG_WARN : LOG_INFO,
              "%s is %" PRIu64 ", not %" PRIu64 ": this process may open only %" PRIu64
              " files (ulimit -n, or LimitNOFILE= of the unit)",
              name, files_max - FILES_RESERVED, *connections, files_max);
    *connections = files_max - FILES_RESERVED;
}

bool files_prepare(struct config *config, struct refusal *refusal)
{
    struct rlimit files;
    uint64_t most;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return refuse_path(refusal, errno, "read", "the limit of open files");
    }
    most = files.rlim_cur;
    files.rlim_cur = files.rlim_max;
    /* A sandbox may forbid it: then the soft limit is the limit. */
    if (setrlimit(RLIMIT_NOFILE, &files) == 0) {
        most = files.rlim_max;
    }
    most = most == RLIM_INFINITY ? UINT64_MAX : most;
    if (most <= FILES_RESERVED) {
        return refuse(refusal, REFUSAL_FILES,
                      "this process may open %" PRIu64 " files, and needs more than %d", most,
                      FILES_RESERVED);
    }
    if (most - FILES_RESERVED < config->options.max_connections) {
        lower_connections(config, most);
    }
    return true;
}
