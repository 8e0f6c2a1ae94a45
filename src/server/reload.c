/* Taking a changed configuration over: see reload.h. */
#include "server/reload.h"

#include "base/log.h"
#include "server/option_value.h"

#include <stdlib.h>
#include <string.h>

void reload_init(struct reload *reload, int argc, char **argv)
{
    *reload = (struct reload){.argc = argc, .argv = argv};
}

static void free_config(struct config *owned_config)
{
    if (owned_config) {
        config_done(owned_config);
        free(owned_config);
    }
}

void reload_done(struct reload *reload)
{
    free_config(reload->config);
    reload->config = NULL;
}

/* The value that it started with was accepted then, so it is now. */
static void keep(struct config *fresh, const struct config *started, const struct option *row,
                 uint32_t at)
{
    struct err err;
    enum err_code code = option_set(row, started->settings[at].text, &fresh->options, &err);

    assert(!code);
    fresh->settings[at] = started->settings[at];
}

static void tell(const struct option *row, const char *before, const char *now, bool taken)
{
    bool secret = row->flags & OPTION_SECRET;

    log_write(taken ? LOG_INFO : LOG_WARN, "%s: '%s' is now '%s'%s", row->name,
              secret ? "..." : before, secret ? "..." : now,
              taken ? "" : ": this waits for a restart");
}

bool reload_config(struct reload *reload, const struct config *started)
{
    const struct config *before = reload->config ? reload->config : started;
    bool again = strcmp(started->path, "-") != 0;
    struct config *fresh = again ? calloc(1, sizeof(*fresh)) : NULL;
    uint32_t count;
    const struct option *rows = server_option_rows(&count);

    if (!again) {
        log_write(LOG_WARN, "a configuration from standard input can not be read again");
    }
    if (!fresh || !config_read(fresh, reload->argc, reload->argv)) {
        for (uint32_t i = 0; fresh && i < fresh->problem_count; i++) {
            log_write(LOG_ERROR, "the configuration stays as it was: %s", fresh->problems[i]);
        }
        free_config(fresh);
        return false;
    }
    reload->changed_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const char *now = fresh->settings[i].text;
        const char *old = before->settings[i].text;
        bool taken = rows[i].flags & OPTION_RELOADS;

        if (!option_same(&rows[i], old, now)) {
            tell(&rows[i], old, now, taken);
            reload->changed_count += taken;
        }
        if (!taken) {
            keep(fresh, started, &rows[i], i);
        }
    }
    free_config(reload->config);
    reload->config = fresh;
    return true;
}
