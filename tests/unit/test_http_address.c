/* Bind addresses: a table of texts, and what is bound when they are good. */
#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* After the headers it needs. */
#include <cmocka.h>

struct row {
    const char *text;
    enum err_code code;
    const char *says; /* Part of the error's text. */
};

static const struct row rows[] = {
    {"127.0.0.1:0", ERR_NONE, ""},
    {":0", ERR_NONE, ""},
    {"0.0.0.0:0", ERR_NONE, ""},
    {"localhost:0", ERR_NONE, ""},
    {"127.0.0.1:00", ERR_NONE, ""},
    {"", ERR_INVALID, "has no port"},
    {"127.0.0.1", ERR_INVALID, "has no port: want host:port"},
    {"127.0.0.1:", ERR_INVALID, "port '' is not a number"},
    {"127.0.0.1:http", ERR_INVALID, "port 'http' is not a number"},
    {"127.0.0.1:-1", ERR_INVALID, "port '-1'"},
    {"127.0.0.1:80x", ERR_INVALID, "port '80x'"},
    {"127.0.0.1:65536", ERR_INVALID, "0 to 65535"},
    {"127.0.0.1:99999999999999999999", ERR_INVALID, "0 to 65535"},
    {"::1:80", ERR_INVALID, "wants brackets"},
    {"[::1]", ERR_INVALID, "not [address]:port"},
    {"[::1:80", ERR_INVALID, "not [address]:port"},
    {"[::1]80", ERR_INVALID, "not [address]:port"},
    {"[::1]:x", ERR_INVALID, "port 'x'"},
    {"[nonsense]:1", ERR_INVALID, "host 'nonsense'"},
    {"256.0.0.1:80", ERR_INVALID, "host '256.0.0.1'"},
    {"no.such.host.invalid:80", ERR_INVALID, "host 'no.such.host.invalid'"},
    {"192.0.2.1:0", ERR_INVALID, "address 192.0.2.1:0 is not one of this machine's"},
};

/* Method: each text tried; what is bound is closed again. */
static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct err err = {.text = ""};
        int fd = -1;
        uint16_t port = 0;
        enum err_code code = http_address_listen(rows[i].text, &fd, &port, &err);

        if (code != rows[i].code || !strstr(err.text, rows[i].says)) {
            fail_msg("'%s': %s: %s", rows[i].text, err_code_name(code), err.text);
        }
        assert_int_equal(fd >= 0, code == ERR_NONE);
        assert_int_equal(port != 0, code == ERR_NONE);
        if (fd >= 0) {
            (void)close(fd);
        }
    }
}

static bool can_connect(int family, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected;

    if (fd < 0) {
        return false;
    }
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    connected = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof(v4)) == 0
                                  : connect(fd, (struct sockaddr *)&v6, sizeof(v6)) == 0;
    (void)close(fd);
    return connected;
}

/* Method: ":port" is reached by IPv4, and by IPv6 where the machine has it ([::1] can be bound). */
static void test_all_addresses(void **state)
{
    struct err err;
    int fd, v6_fd;
    uint16_t port, v6_port;

    (void)state;
    assert_int_equal(http_address_listen(":0", &fd, &port, &err), ERR_NONE);
    assert_true(can_connect(AF_INET, port));
    if (http_address_listen("[::1]:0", &v6_fd, &v6_port, &err) == ERR_NONE) {
        assert_true(can_connect(AF_INET6, port));
        assert_true(can_connect(AF_INET6, v6_port));
        assert_false(can_connect(AF_INET, v6_port));
        (void)close(v6_fd);
    }
    (void)close(fd);
}

/* Method: an address in use is named; once it is free it can be bound again at once. */
static void test_in_use(void **state)
{
    struct err err;
    char text[64], wanted[128];
    int fd, other = -1;
    uint16_t port, other_port;

    (void)state;
    assert_int_equal(http_address_listen("127.0.0.1:0", &fd, &port, &err), ERR_NONE);
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", port);
    (void)snprintf(wanted, sizeof(wanted), "address %s is in use", text);
    assert_int_equal(http_address_listen(text, &other, &other_port, &err), ERR_STATE);
    assert_string_equal(err.text, wanted);
    (void)close(fd);
    assert_int_equal(http_address_listen(text, &other, &other_port, &err), ERR_NONE);
    assert_int_equal(other_port, port);
    (void)close(other);
}

/* Method: the three forms of peers. */
static void test_print(void **state)
{
    struct sockaddr_storage storage;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(4711)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(65535)};
    char text[HTTP_ADDRESS_TEXT_MAX];

    (void)state;
    v4.sin_addr.s_addr = htonl(0x0a000001);
    memset(&storage, 0, sizeof(storage));
    memcpy(&storage, &v4, sizeof(v4));
    http_address_print(&storage, text);
    assert_string_equal(text, "10.0.0.1:4711");
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr), 1);
    memcpy(&storage, &v6, sizeof(v6));
    http_address_print(&storage, text);
    assert_string_equal(text, "[2001:db8::1]:65535");
    assert_int_equal(inet_pton(AF_INET6, "::ffff:10.0.0.1", &v6.sin6_addr), 1);
    memcpy(&storage, &v6, sizeof(v6));
    http_address_print(&storage, text);
    assert_string_equal(text, "10.0.0.1:65535");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_all_addresses),
        cmocka_unit_test(test_in_use),
        cmocka_unit_test(test_print),
    };

    return cmocka_run_group_tests_name("http_address", tests, NULL, NULL);
}
