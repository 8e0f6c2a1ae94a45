/* Messages to a service manager that the test plays itself. */
#include "base/log.h"
#include "server/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* After the headers it needs. */
#include <cmocka.h>

static int quiet(void **state)
{
    (void)state;
    log_setup((enum log_level)(LOG_ERROR + 1), LOG_TEXT);
    return 0;
}

/* A listening socket; `name` as in NOTIFY_SOCKET. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int file = socket(AF_UNIX, SOCK_DGRAM, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

    assert_true(file >= 0 && strlen(name) < sizeof(address.sun_path));
    memcpy(address.sun_path, name, strlen(name));
    address.sun_path[0] = name[0] == '@' ? '\0' : name[0];
    assert_int_equal(bind(file, (struct sockaddr *)&address, size), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return file;
}

static void assert_heard(int file, const char *start)
{
    char text[1024] = "";

    assert_true(recv(file, text, sizeof(text) - 1, MSG_DONTWAIT) > 0);
    assert_memory_equal(text, start, strlen(start));
}

/* Method: both kinds of socket, every message; the variables are gone afterwards. */
static void test_messages(void **state)
{
    char names[2][64];

    (void)state;
    (void)snprintf(names[0], sizeof(names[0]), "@corvo-test-%d", (int)getpid());
    (void)snprintf(names[1], sizeof(names[1]), "/tmp/corvo-notify-%d", (int)getpid());
    for (uint32_t i = 0; i < 2; i++) {
        int file = listen_at(names[i]);
        struct notify notify;

        notify_open(&notify);
        assert_null(getenv("NOTIFY_SOCKET"));
        notify_send(&notify, "READY=1\nSTATUS=entry %d", 7);
        assert_heard(file, "READY=1\nSTATUS=entry 7");
        notify_reloading(&notify);
        assert_heard(file, "RELOADING=1\nMONOTONIC_USEC=");
        notify_close(&notify);
        notify_close(&notify);
        notify_send(&notify, "READY=1");
        assert_int_equal(recv(file, names[0], 1, MSG_DONTWAIT), -1);
        assert_int_equal(close(file), 0);
    }
    assert_int_equal(unlink(names[1]), 0);
}

/* Method: the watchdog with no process, this one and another; and without a socket. */
static void test_watchdog(void **state)
{
    static const struct {
        const char *socket, *usec, *pid; /* pid "me": this process. */
        uint64_t ms;
    } rows[] = {
        {"@x", "2000000", NULL, 2000}, {"@x", "2000000", "me", 2000}, {"@x", "2000000", "1", 0},
        {"@x", NULL, NULL, 0},         {NULL, "2000000", NULL, 0},    {"@x", "junk", NULL, 0},
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct notify notify;
        char pid[24];

        (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
        if (rows[i].socket) {
            assert_int_equal(setenv("NOTIFY_SOCKET", rows[i].socket, 1), 0);
        }
        if (rows[i].usec) {
            assert_int_equal(setenv("WATCHDOG_USEC", rows[i].usec, 1), 0);
        }
        if (rows[i].pid) {
            assert_int_equal(
                setenv("WATCHDOG_PID", strcmp(rows[i].pid, "me") == 0 ? pid : rows[i].pid, 1), 0);
        }
        notify_open(&notify);
        assert_int_equal(notify.watchdog_ms, rows[i].ms);
        assert_null(getenv("WATCHDOG_USEC"));
        assert_null(getenv("WATCHDOG_PID"));
        notify_close(&notify);
    }
}

/* Method: names that are none, a socket that nobody listens on; nothing happens. */
static void test_nobody(void **state)
{
    static const char *const names[] = {"", "/", "@", "relative", "vsock:2:1234", "@nobody-there"};
    static char long_name[200];

    (void)state;
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[0] = '/';
    for (uint32_t i = 0; i < ARRAY_COUNT(names) + 2; i++) {
        struct notify notify;

        if (i <= ARRAY_COUNT(names)) {
            const char *name = i < ARRAY_COUNT(names) ? names[i] : long_name;

            assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
        }
        notify_open(&notify);
        notify_send(&notify, "READY=1");
        notify_close(&notify);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_watchdog),
        cmocka_unit_test(test_nobody),
    };

    return cmocka_run_group_tests_name("server_notify", tests, quiet, NULL);
}
