/* Signals, names of queues, progress. */
#include "bench/run.h"

#include "bench/clock.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define REDRAW_NS (NS_PER_SECOND / 5)
#define LINE_NS (5 * NS_PER_SECOND)

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

void run_watch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

bool run_interrupted(void)
{
    return interrupted != 0;
}

void run_queue_name(struct bench *bench, char ret_name[RUN_QUEUE_MAX])
{
    (void)snprintf(ret_name, RUN_QUEUE_MAX, "%.100s.%llx.%d.%u", bench->options->queue,
                   (unsigned long long)(clock_wall_ns() / NS_PER_SECOND), (int)getpid(),
                   bench->queue_count++);
}

void run_progress(const char *name, uint64_t done, double per_second)
{
    static uint64_t next_ns;
    uint64_t now_ns = clock_mono_ns();
    bool is_terminal;

    if (name && now_ns < next_ns) {
        return;
    }
    is_terminal = isatty(STDERR_FILENO) == 1;
    if (!name) {
        if (is_terminal) {
            (void)fprintf(stderr, "\r\033[K");
        }
        return;
    }
    next_ns = now_ns + (is_terminal ? REDRAW_NS : LINE_NS);
    (void)fprintf(stderr, is_terminal ? "\r%-12s %12llu  %.0f/s\033[K" : "%s: %llu, %.0f/s\n", name,
                  (unsigned long long)done, per_second);
}
