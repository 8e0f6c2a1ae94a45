/* Memberships as the log states them, and libraft's errors as ours. */
#include "replica/driver.h"

#include <inttypes.h>
#include <stdlib.h>

enum err_code driver_raft_error(struct replica *replica, int code, struct err *err)
{
    switch (code) {
    case 0:
        return ERR_NONE;
    case RAFT_NOMEM:
        return err_set(err, ERR_NOMEM, "libraft is out of memory");
    case RAFT_NOTLEADER:
        return err_set(err, ERR_NOT_LEADER, "this node is not the leader");
    case RAFT_NOSPACE:
        return err_set(err, ERR_NO_SPACE, "a majority of the nodes is short of disk space");
    case RAFT_MALFORMED:
        return err_set(err, ERR_CORRUPT, "a configuration in the log does not decode");
    default:
        return err_set(err, ERR_STATE, "libraft: %s (%s)", raft_strerror(code),
                       raft_errmsg(&replica->raft));
    }
}

enum err_code driver_add_configuration(struct replica *replica, uint64_t index, struct slice bytes,
                                       struct err *err)
{
    struct driver_configuration *grown;
    uint8_t *copy;

    grown = realloc(replica->configurations, (replica->configuration_count + 1) * sizeof *grown);
    if (!grown) {
        return err_set(err, ERR_NOMEM, "no memory for a configuration");
    }
    replica->configurations = grown;
    copy = malloc(bytes.size + 1);
    if (!copy) {
        return err_set(err, ERR_NOMEM, "no memory for a configuration");
    }
    memcpy(copy, bytes.data, bytes.size);
    grown[replica->configuration_count] =
        (struct driver_configuration){.index = index, .size = bytes.size, .bytes = copy};
    replica->configuration_count++;
    return ERR_NONE;
}

const struct driver_configuration *driver_configuration_at(const struct replica *replica,
                                                           uint64_t index)
{
    for (uint32_t i = replica->configuration_count; i > 0; i--) {
        if (replica->configurations[i - 1].index <= index) {
            return &replica->configurations[i - 1];
        }
    }
    return NULL;
}

enum err_code driver_decode_configuration(const struct driver_configuration *stored,
                                          struct raft_configuration *ret_configuration,
                                          struct err *err)
{
    struct raft_buffer buffer = {.base = stored->bytes, .len = stored->size};
    int code;

    /* libraft reads nine bytes before it looks at the length. */
    if (stored->size < 9) {
        return err_set(err, ERR_CORRUPT, "the configuration of entry %" PRIu64 " is too short",
                       stored->index);
    }
    code = raft_configuration_decode(&buffer, ret_configuration);
    if (code == RAFT_NOMEM) {
        return err_set(err, ERR_NOMEM, "no memory for a configuration");
    }
    if (code != 0) {
        return err_set(err, ERR_CORRUPT, "the configuration of entry %" PRIu64 " does not decode",
                       stored->index);
    }
    return ERR_NONE;
}

enum err_code driver_commit_configuration(struct replica *replica, uint64_t index, struct err *err)
{
    const struct driver_configuration *stored = driver_configuration_at(replica, index);
    struct raft_event event = {.type = RAFT_CONFIGURATION};
    enum err_code code;

    assert(stored && stored->index == index);
    code = driver_decode_configuration(stored, &event.configuration.conf, err);
    if (code != ERR_NONE) {
        return code;
    }
    event.configuration.index = index; /* libraft takes the configuration over. */
    return driver_step(replica, &event, err);
}
