/* Findings: see finding.h. What runs after the crash only formats into static memory and calls
 * write. */
#include "fuzz/finding.h"

#include "base/common.h"
#include "base/hash.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#define TEXT_SIZE 1024

static const char *finding_program;
static const char *finding_name;
static const char *finding_folder;
static struct slice input_now;
static bool is_trying;
static uint64_t try_number;

/* The sanitizers call back before they end the process. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

/* So that each of them ends with a signal, whatever the environment says. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
    return "abort_on_error=1:detect_stack_use_after_return=1";
}

const char *__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}

static void say(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, text, size);

        if (written <= 0) {
            return;
        }
        text += written;
        size -= (size_t)written;
    }
}

static bool store(const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool good = file >= 0 && write(file, input_now.data, input_now.size) == (ssize_t)input_now.size;

    if (file >= 0) {
        (void)close(file);
    }
    return good;
}

static void report(void)
{
    static char path[TEXT_SIZE];
    static char text[4 * TEXT_SIZE];
    int size;

    if (!is_trying) {
        return;
    }
    is_trying = false; /* Once: an abort may follow the sanitizer's callback. */
    if (!finding_folder) {
        return;
    }
    (void)snprintf(path, sizeof(path), "%s/%s-%016" PRIx64, finding_folder, finding_name,
                   hash_bytes(input_now));
    size = snprintf(text, sizeof(text),
                    "%s: a finding of %zu bytes, the input %" PRIu64 " of this run: %s\n"
                    "again with: %s %s\n",
                    finding_name, input_now.size, try_number,
                    store(path) ? path : "it could not be written", finding_program, path);
    say(text, (size_t)size);
}

static void on_signal(int number)
{
    report();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* Each second of CPU time. */
static void on_tick(int number)
{
    static const char text[] = "finding: the input takes too long\n";
    static uint64_t last_try;
    static uint32_t ticks;

    (void)number;
    ticks = last_try == try_number ? ticks + 1 : 0;
    last_try = try_number;
    if (is_trying && ticks >= FINDING_SLOW_S) {
        say(text, sizeof(text) - 1);
        abort();
    }
}

void finding_watch(const char *program, const char *name, const char *folder)
{
    static const int fatal[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
    const struct itimerval second = {.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};
    const struct sigaction tick = {.sa_handler = on_tick, .sa_flags = SA_RESTART};

    finding_program = program;
    finding_name = name;
    finding_folder = folder;
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(report);
        (void)signal(SIGABRT, on_signal); /* The others are the sanitizer's. */
    } else {
        for (size_t i = 0; i < ARRAY_COUNT(fatal); i++) {
            (void)signal(fatal[i], on_signal);
        }
    }
    (void)sigaction(SIGPROF, &tick, NULL);
    (void)setitimer(ITIMER_PROF, &second, NULL);
}

void finding_trying(struct slice input)
{
    input_now = input;
    try_number++;
    is_trying = true;
}

void finding_idle(void)
{
    is_trying = false;
}
