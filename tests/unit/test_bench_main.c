/* The verb as a whole. This program is also its own server: `bench --start` executes /proc/self/exe
 * with `server`. */
#include "bench/bench.h"
#include "bench/server_process.h"
#include "tests/unit/bench_fake.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define ARGS_MAX 20
#define TEXT_MAX 65536

static char home[] = "/tmp/corvo-main-XXXXXX";

/* --- The server half -----------------------------------------------------------------------------
 */

static void on_signal(int number)
{
    (void)number;
    _exit(0);
}

/* Prints an address like the real one and serves until it is told to end. A data directory with a
 * file "broken" beside it makes it fail. */
static int serve(char **argv)
{
    char path[RUN_PATH_MAX];
    struct stat info;
    struct bench_fake *fake;

    assert(strcmp(argv[2], "--data-dir") == 0);
    (void)snprintf(path, sizeof(path), "%s/../broken", argv[3]);
    if (mkdir(argv[3], 0700) != 0 || stat(path, &info) == 0) {
        (void)fprintf(stderr, "the disk is made of cheese\n");
        return 1;
    }
    (void)signal(SIGTERM, on_signal);
    fake = bench_fake_start(&(struct bench_fake_mode){0});
    (void)printf("a line before\nlistening on http://127.0.0.1:%u\n", bench_fake_port(fake));
    (void)fflush(stdout);
    for (;;) {
        (void)pause();
    }
}

/* --- The tests -----------------------------------------------------------------------------------
 */

/* A verb that runs in a child, its stdout and stderr in one pipe. */
struct run {
    pid_t pid;
    int fd;
    char text[TEXT_MAX];
    size_t size;
};

static void run_start(struct run *run, const char *const *args)
{
    char *argv[ARGS_MAX] = {0};
    int ends[2];
    int argc = 0;

    *run = (struct run){0};
    for (; args[argc]; argc++) {
        argv[argc] = strdup(args[argc]);
        assert_non_null(argv[argc]);
    }
    assert_int_equal(pipe(ends), 0);
    (void)fflush(stdout);
    run->pid = fork();
    assert_true(run->pid >= 0);
    if (run->pid == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)dup2(ends[1], STDERR_FILENO);
        (void)close(ends[0]);
        exit(bench_main(argc, argv));
    }
    (void)close(ends[1]);
    run->fd = ends[0];
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
}

/* Reads until `word` was said, or to the end. */
static bool run_hears(struct run *run, const char *word)
{
    while (!word || !strstr(run->text, word)) {
        ssize_t got = read(run->fd, run->text + run->size, TEXT_MAX - 1 - run->size);

        if (got <= 0) {
            return false;
        }
        run->size += (size_t)got;
    }
    return true;
}

static int run_end(struct run *run)
{
    int status = 0;

    (void)run_hears(run, NULL);
    (void)close(run->fd);
    assert_int_equal(waitpid(run->pid, &status, 0), run->pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int make_home(void **state)
{
    (void)state;
    return mkdtemp(home) ? 0 : 1;
}

static int remove_home(void **state)
{
    (void)state;
    return rmdir(home); /* Fails if a run left something. */
}

/* Method: own servers for three workloads over two rounds; the table, the rows and the comparison
 * with itself. */
static void a_whole_run_makes_rows(void **state)
{
    char json[64];
    const char *const args[] = {"bench",      "--start",       "--data-dir", home,     "--workload",
                                "b1,b2,b10",  "--connections", "4",          "--runs", "2",
                                "--duration", "30ms",          "--warmup",   "5ms",    "--idle",
                                "30ms",       "--json",        json,         NULL};
    const char *const compare[] = {"bench", "--compare", json, json, NULL};
    struct run *run = malloc(sizeof(*run));

    (void)state;
    assert_non_null(run);
    (void)snprintf(json, sizeof(json), "%s.jsonl", home);
    run_start(run, args);
    assert_int_equal(run_end(run), 0);
    assert_non_null(strstr(run->text, "round 2 of 2"));
    assert_non_null(strstr(run->text, "b1.c4"));
    assert_non_null(strstr(run->text, "lives_per_h1"));
    assert_non_null(strstr(run->text, "rss_anon"));
    assert_null(strstr(run->text, "! "));
    run_start(run, compare);
    assert_int_equal(run_end(run), 0);
    assert_non_null(strstr(run->text, "not comparable")); /* Two runs are too few. */
    assert_int_equal(unlink(json), 0);
    free(run);
}

/* Method: SIGINT once the workload says that it runs; what was measured is printed, the server is
 * ended, its files go. */
static void an_interruption_prints_what_was_measured(void **state)
{
    const char *const args[] = {
        "bench",    "--start", "--data-dir", home,  "--workload",      "b1", "--connections", "4",
        "--warmup", "0",       "--duration", "60s", "--no-yardsticks", NULL};
    struct run *run = malloc(sizeof(*run));

    (void)state;
    assert_non_null(run);
    run_start(run, args);
    if (!run_hears(run, "b1.c4:")) {
        fail_msg("it ended with: %s", run->text);
    }
    assert_int_equal(kill(run->pid, SIGINT), 0);
    assert_int_equal(run_end(run), 130);
    assert_non_null(strstr(run->text, "rate"));
    assert_non_null(strstr(run->text, "! interrupted"));
    free(run);
}

/* Method: whatever the speed of this machine, the exit status agrees with the table. */
static void a_failed_gate_is_an_exit_status(void **state)
{
    const char *const args[] = {
        "bench",  "--start", "--data-dir", home, "--workload", "drain",           "--count", "1000",
        "--runs", "1",       "--settle",   "0",  "--gates",    "--no-yardsticks", NULL};
    struct run *run = malloc(sizeof(*run));
    bool fails;

    (void)state;
    assert_non_null(run);
    run_start(run, args);
    fails = run_end(run) == 1;
    assert_true(fails == (strstr(run->text, "FAILS") != NULL));
    assert_non_null(strstr(run->text, "bytes_per_job"));
    free(run);
}

/* Method: a table of arguments, the exit status and a word of the output. */
static void wrong_usage_is_explained(void **state)
{
    static const struct {
        const char *args[8];
        int status;
        const char *says;
    } rows[] = {
        {{"bench", "--help"}, 0, "Workloads"},
        {{"bench", "--worklod", "b1"}, 2, "did you mean --workload?"},
        {{"bench", "--workload", "b1,wak"}, 2, "did you mean wake?"},
        {{"bench", "--workload", "restart"}, 2, "needs --start"},
        {{"bench", "--workload", "b1,b1,b1,b1,b1,b1,b1,b1,b1,b1,b1,b1,b1,b1,b1,b1,b1"},
         2,
         "more than"},
        {{"bench", "--server", "https://x"}, 2, "plain http"},
        {{"bench", "--server", "http://127.0.0.1:1"}, 7, "no server to measure"},
        {{"bench", "--compare", "/nowhere/a", "/nowhere/b"}, 1, "/nowhere/a"},
        {{"bench", "--start", "--data-dir", "/nowhere/at/all", "--no-yardsticks"}, 1, "/nowhere"},
    };
    struct run *run = malloc(sizeof(*run));

    (void)state;
    assert_non_null(run);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        run_start(run, rows[i].args);
        assert_int_equal(run_end(run), rows[i].status);
        assert_non_null(strstr(run->text, rows[i].says));
    }
    free(run);
}

/* Method: the server writes why and exits before it listens. */
static void a_server_that_does_not_start_says_why(void **state)
{
    struct server_process server;
    char path[RUN_PATH_MAX + 16];
    struct err err;
    int fd;

    (void)state;
    assert_int_equal(server_process_make(home, &server, &err), ERR_NONE);
    (void)snprintf(path, sizeof(path), "%s/broken", server.dir);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(server_process_start(&server, true, &err), ERR_CLOSED);
    assert_non_null(strstr(err.text, "cheese"));
    assert_int_equal(server.pid, 0);
    server_process_remove(&server);
}

/* Method: start, crash, stop twice, remove. */
static void a_server_process_can_be_killed(void **state)
{
    struct server_process server;
    struct stat info;
    struct err err;
    pid_t pid;

    (void)state;
    assert_int_equal(server_process_make(home, &server, &err), ERR_NONE);
    assert_int_equal(server_process_start(&server, false, &err), ERR_NONE);
    pid = server.pid;
    assert_true(pid > 0 && server.address.port > 0);
    server_process_stop(&server, SIGKILL);
    assert_int_not_equal(kill(pid, 0), 0);
    server_process_stop(&server, SIGKILL);
    assert_int_equal(stat(server.dir, &info), 0);
    server_process_remove(&server);
    assert_int_equal(server.dir[0], '\0');
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_run_makes_rows),
        cmocka_unit_test(an_interruption_prints_what_was_measured),
        cmocka_unit_test(a_failed_gate_is_an_exit_status),
        cmocka_unit_test(wrong_usage_is_explained),
        cmocka_unit_test(a_server_that_does_not_start_says_why),
        cmocka_unit_test(a_server_process_can_be_killed),
    };

    if (argc > 3 && strcmp(argv[1], "server") == 0) {
        return serve(argv);
    }
    return cmocka_run_group_tests(tests, make_home, remove_home);
}
