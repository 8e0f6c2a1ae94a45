/* SIGINT: see interrupt.h. */
#include "cli/interrupt.h"

#include "base/common.h"

#include <poll.h>
#include <signal.h>

static volatile sig_atomic_t seen;

static void on_interrupt(int number)
{
    (void)number;
    seen = 1;
}

void interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};

    seen = 0;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL); /* Without SA_RESTART: it is to end what waits. */
}

bool interrupt_seen(void)
{
    return seen != 0;
}

/* The signal is let in only while ppoll waits: one that came just before would not end the wait. */
static bool wait_for(struct pollfd *file, const struct timespec *timeout)
{
    sigset_t interrupts, before;

    (void)sigemptyset(&interrupts);
    (void)sigaddset(&interrupts, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &interrupts, &before);
    if (!seen) {
        (void)ppoll(file, file ? 1 : 0, timeout, &before);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return !seen;
}

bool interrupt_sleep(uint64_t ms)
{
    const struct timespec timeout = {.tv_sec = (time_t)(ms / 1000),
                                     .tv_nsec = (long)(ms % 1000 * NS_PER_MS)};

    return wait_for(NULL, &timeout);
}

bool interrupt_until_readable(int fd)
{
    struct pollfd file = {.fd = fd, .events = POLLIN};

    return wait_for(&file, NULL);
}
