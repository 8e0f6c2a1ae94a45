/* Waiting: see wait.h. */
#include "cli/wait.h"

#include "base/env.h"
#include "cli/human.h"
#include "cli/interrupt.h"
#include "cli/plain.h"

#include <stdarg.h>

#define PAUSE_MS_MIN 50
#define PAUSE_MS_MAX 1000

struct wait wait_begin(const struct session *session)
{
    return (struct wait){
        .patience_ms = args_duration(session->args, "wait_timeout"),
        .began_ns = env_system()->monotonic_ns(NULL),
        .pause_ms = PAUSE_MS_MIN,
    };
}

static uint64_t waited_ms(const struct wait *wait)
{
    return (env_system()->monotonic_ns(NULL) - wait->began_ns) / NS_PER_MS;
}

int wait_pause(struct session *session, struct wait *wait, const char *format, ...)
{
    uint64_t passed_ms = waited_ms(wait);
    char what[256], passed[HUMAN_TEXT_MAX];
    struct buf *text = &session->lines;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    buf_clear(text);
    plain_add(text, slice_text(what));
    (void)human_duration(passed_ms < 1000 ? passed_ms : passed_ms / 1000 * 1000, passed);
    if (wait->patience_ms > 0 && passed_ms >= wait->patience_ms) {
        screen_say(&session->screen, "corvo: gave up after %s: %.*s", passed, (int)text->size,
                   (const char *)text->data);
        return EXIT_NO_SERVER;
    }
    screen_progress(&session->screen, "%.*s (%s)", (int)text->size, (const char *)text->data,
                    passed);
    if (!interrupt_sleep(wait->pause_ms)) {
        screen_say(&session->screen, "corvo: interrupted: %.*s", (int)text->size,
                   (const char *)text->data);
        return EXIT_INTERRUPTED;
    }
    wait->pause_ms = wait->pause_ms * 2 < PAUSE_MS_MAX ? wait->pause_ms * 2 : PAUSE_MS_MAX;
    arena_clear(&session->arena);
    return EXIT_DONE;
}
