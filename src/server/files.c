/* The limit of open files: see files.h. */
#include "server/files.h"

#include "base/limits.h"
#include "base/log.h"
#include "http/http.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

static uint64_t reserved(uint64_t files_max)
{
    uint64_t share = files_max / FILES_RESERVED_SHARE;

    return share > FILES_RESERVED_MIN ? share : FILES_RESERVED_MIN;
}

uint64_t files_for_connections(uint64_t files_max)
{
    uint64_t others = reserved(files_max) + HTTP_REFUSED_MAX;

    return files_max > others ? files_max - others : 0;
}

/* Half of what is reserved: compactions and the log open files beside it. */
uint32_t files_for_store(uint64_t files_max)
{
    uint64_t half = reserved(files_max) / 2;

    return half < FILES_STORE_MAX ? (uint32_t)half : FILES_STORE_MAX;
}

static void lower_connections(struct config *config, uint64_t files_max)
{
    const char name[] = "max-connections";
    int row = server_option_find(name, strlen(name));
    bool asked = config->settings[row].origin != ORIGIN_DEFAULT;
    uint64_t *connections = &config->options.max_connections;
    uint64_t possible = files_for_connections(files_max);

    log_write(asked ? LOG_WARN : LOG_INFO,
              "%s is %" PRIu64 ", not %" PRIu64 ": this process may open only %" PRIu64
              " files (ulimit -n, or LimitNOFILE= of the unit), and %" PRIu64
              " are for the store, the log and the view",
              name, possible, *connections, files_max, reserved(files_max));
    *connections = possible;
}

bool files_prepare(struct config *config, struct refusal *refusal, uint64_t *ret_files_max)
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
    if (files_for_connections(most) == 0) {
        return refuse(refusal, REFUSAL_FILES,
                      "this process may open %" PRIu64 " files, and needs more than %d", most,
                      FILES_RESERVED_MIN + HTTP_REFUSED_MAX);
    }
    if (files_for_connections(most) < config->options.max_connections) {
        lower_connections(config, most);
    }
    *ret_files_max = most;
    return true;
}
