/* The effective configuration: layers, origins, problems, dump, reload. */
#include "base/buf.h"
#include "base/log.h"
#include "server/config.h"
#include "server/config_verbs.h"
#include "server/reload.h"
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* After the headers it needs. */
#include <cmocka.h>

static char path[64];

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static int make_path(void **state)
{
    int fd;

    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/corvo-config-XXXXXX");
    fd = mkstemp(path);
    return fd < 0 || close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

/* Reads with up to 8 arguments. */
static bool read_words(struct config *config, const char *const *words)
{
    static char banks[2][8][128]; /* The options point into them, of two configurations. */
    static uint32_t calls;
    char(*copies)[128] = banks[calls++ % 2];
    static char *argv[8];
    int argc = 0;

    for (; words[argc]; argc++) {
        assert_true(strlen(words[argc]) < sizeof(banks[0][0]));
        memcpy(copies[argc], words[argc], strlen(words[argc]) + 1);
        argv[argc] = copies[argc];
    }
    return config_read(config, argc, argv);
}

static void assert_origin(const struct config *config, const char *name, const char *want)
{
    char text[CONFIG_ORIGIN_TEXT_MAX];

    config_origin(config, (uint32_t)server_option_find(name, strlen(name)), text);
    assert_string_equal(text, want);
}

/* Method: nothing is given; every option has its default. */
static void test_defaults(void **state)
{
    const char *const words[] = {NULL};
    struct config config = {0};

    (void)state;
    assert_true(read_words(&config, words));
    assert_false(config.help);
    assert_string_equal(config.options.bind, ":8080");
    assert_true(config.options.durable);
    assert_int_equal(config.options.max_payload_size, 262144);
    assert_int_equal(config.options.retention_ms, UINT64_C(168) * 3600 * 1000);
    assert_origin(&config, "bind", "default");
    config_done(&config);
}

/* Method: --name value, --name=value, --flag, --flag=false, --help; the last one of two wins. */
static void test_arguments(void **state)
{
    const char *const words[] = {
        "--bind", "127.0.0.1:1", "--durable=false", "--docs-enabled", "--node-id=a", "--node-id=b",
        "-h",     NULL};
    struct config config = {0};

    (void)state;
    assert_true(read_words(&config, words));
    assert_string_equal(config.options.bind, "127.0.0.1:1");
    assert_string_equal(config.options.node_id, "b");
    assert_false(config.options.durable);
    assert_true(config.options.docs_enabled);
    assert_true(config.help);
    assert_origin(&config, "bind", "--bind");
    config_done(&config);
}

/* Method: one option in each layer, and all of them in one option; the highest wins and is named.
 */
static void test_layers(void **state)
{
    const char *const words[] = {"--config", path, "--node-id", "argument", NULL};
    char origin[128];
    struct config config = {0};

    (void)state;
    write_file("# layers\nnode-id = file\nbind = ':1'\nmax_connections = 5\n");
    assert_int_equal(setenv("CORVO_NODE_ID", "environment", 1), 0);
    assert_int_equal(setenv("CORVO_BIND", ":2", 1), 0);
    assert_true(read_words(&config, words));
    assert_string_equal(config.options.node_id, "argument");
    assert_string_equal(config.options.bind, ":2");
    assert_int_equal(config.options.max_connections, 5);
    assert_origin(&config, "node-id", "--node-id");
    assert_origin(&config, "bind", "CORVO_BIND");
    (void)snprintf(origin, sizeof(origin), "%s:4", path);
    assert_origin(&config, "max-connections", origin);
    config_done(&config);
    assert_int_equal(unsetenv("CORVO_NODE_ID"), 0);
    assert_int_equal(unsetenv("CORVO_BIND"), 0);
}

/* Method: the file is named by the environment, or by both; the argument wins. */
static void test_which_file(void **state)
{
    const char *const none[] = {NULL};
    const char *const other[] = {"--config=/dev/null", NULL};
    struct config config = {0};

    (void)state;
    write_file("node-id = file\n");
    assert_int_equal(setenv("CORVO_CONFIG", path, 1), 0);
    assert_true(read_words(&config, none));
    assert_string_equal(config.options.node_id, "file");
    assert_string_equal(config.options.config, path);
    config_done(&config);
    assert_true(read_words(&config, other));
    assert_string_equal(config.options.node_id, "node-1");
    config_done(&config);
    assert_int_equal(unsetenv("CORVO_CONFIG"), 0);
}

/* Method: a file with a mistake of each kind, also in what an argument overrides; each is told with
 * its line, and what is right is taken. */
static void test_problems_of_a_file(void **state)
{
    static const char *const says[] = {
        ":1: bnid: unknown option: did you mean bind?",
        ":2: completely-else: unknown option: see corvo server --help",
        ":4: node-id: set before, in line 3",
        ":5: max-connections: '0' is out of range: want 1 to 1000000",
        ":6: config: not possible in a file",
        ":7: not 'key = value'",
        ":8: join: not built yet in this version",
    };
    const char *const words[] = {"--config", path, "--max-connections=7", NULL};
    struct config config = {0};

    (void)state;
    write_file("bnid = x\ncompletely-else = y\nnode-id = a\nnode-id = b\nmax-connections = 0\n"
               "config = z\nnonsense\njoin = 'http://a'\nretention = 1h\n");
    assert_false(read_words(&config, words));
    assert_int_equal(config.problem_count, ARRAY_COUNT(says));
    for (uint32_t i = 0; i < ARRAY_COUNT(says); i++) {
        if (strncmp(config.problems[i], path, strlen(path)) != 0 ||
            !strstr(config.problems[i], says[i])) {
            fail_msg("'%s' does not say '%s'", config.problems[i], says[i]);
        }
    }
    assert_int_equal(config.options.retention_ms, 3600000);
    assert_string_equal(config.options.node_id, "a");
    config_done(&config);
}

/* Method: wrong arguments, a wrong variable, a file that is not there or is a directory; each is
 * told with what it is about. */
static void test_problems_elsewhere(void **state)
{
    static const struct {
        const char *words[3];
        const char *says;
    } rows[] = {
        {{"--bnid", "--x"}, "unknown option --bnid: did you mean --bind?"},
        {{"--completely-else=5"}, "unknown option --completely-else: see corvo server --help"},
        {{"server"}, "unexpected argument 'server'"},
        {{"-x"}, "unexpected argument '-x'"},
        {{"--bind"}, "--bind needs a value: HTTP address"},
        {{"--durable=maybe"}, "--durable: 'maybe' is not true or false"},
        {{"--idle-timeout", "soon"}, "--idle-timeout: 'soon' is not a duration"},
        {{"--config", "/nonexistent/corvo.conf"},
         "/nonexistent/corvo.conf: can not be read: No such"},
        {{"--config", "/"}, "/: can not be read: Is a directory"},
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct config config = {0};

        assert_false(read_words(&config, rows[i].words));
        if (!strstr(config.problems[0], rows[i].says)) {
            fail_msg("'%s' does not say '%s'", config.problems[0], rows[i].says);
        }
        config_done(&config);
    }
    assert_int_equal(setenv("CORVO_DURABLE", "maybe", 1), 0);
    {
        const char *const none[] = {NULL};
        struct config config = {0};

        assert_false(read_words(&config, none));
        assert_string_equal(config.problems[0], "CORVO_DURABLE: 'maybe' is not true or false");
        config_done(&config);
    }
    assert_int_equal(unsetenv("CORVO_DURABLE"), 0);
}

/* Method: files at and above the size limit, and with more problems than are kept. */
static void test_limits(void **state)
{
    const char *const words[] = {"--config", path, NULL};
    char *text = malloc(CONFIG_FILE_MAX + 2);
    struct config config = {0};

    (void)state;
    assert_non_null(text);
    memset(text, '#', CONFIG_FILE_MAX + 1);
    text[CONFIG_FILE_MAX] = '\0';
    write_file(text);
    assert_true(read_words(&config, words));
    config_done(&config);
    text[CONFIG_FILE_MAX] = '#';
    text[CONFIG_FILE_MAX + 1] = '\0';
    write_file(text);
    assert_false(read_words(&config, words));
    assert_non_null(strstr(config.problems[0], "larger than 256 KiB"));
    config_done(&config);
    for (uint32_t i = 0; i < 2 * (CONFIG_PROBLEMS_MAX + 1); i += 2) {
        memcpy(text + i, "x\n", 3);
    }
    write_file(text);
    assert_false(read_words(&config, words));
    assert_int_equal(config.problem_count, CONFIG_PROBLEMS_MAX);
    config_done(&config);
    free(text);
}

/* Method: values of all origins are dumped, and the dump is read as a file: it dumps the same
 * values.
 */
static void test_dump_round_trip(void **state)
{
    const char *const words[] = {"--node-id=a \"b\\", "--idle-timeout=1m5s", "--bind", ":7", NULL};
    const char *const again[] = {"--config", path, NULL};
    struct config config = {0};
    struct config copy = {0};
    struct buf buf;
    uint32_t count;

    (void)state;
    (void)server_option_rows(&count);
    buf_init(&buf, 100000);
    assert_true(read_words(&config, words));
    config_dump(&config, &buf);
    assert_true(buf_add_byte(&buf, '\0'));
    assert_non_null(strstr((const char *)buf.data, "\nnode-id = \"a \\\"b\\\\\""));
    assert_non_null(strstr((const char *)buf.data, "# --idle-timeout\n"));
    write_file((const char *)buf.data);
    if (!read_words(&copy, again)) {
        fail_msg("%s", copy.problems[0]);
    }
    for (uint32_t i = 1; i < count; i++) {
        assert_string_equal(copy.settings[i].text, config.settings[i].text);
        assert_int_equal(copy.settings[i].origin, ORIGIN_FILE);
    }
    config_done(&copy);
    config_done(&config);
    buf_done(&buf);
}

/* Method: a secret with a value, put there by hand because none can be set yet; neither dump has
 * it.
 */
static void test_secrets_are_masked(void **state)
{
    const char *const words[] = {NULL};
    struct config config = {0};
    struct buf buf;

    (void)state;
    buf_init(&buf, 100000);
    assert_true(read_words(&config, words));
    config.settings[server_option_find("admin-password", 14)].text = "hunter2";
    config_dump(&config, &buf);
    config_dump_json(&config, &buf);
    assert_true(buf_add_byte(&buf, '\0'));
    assert_null(strstr((const char *)buf.data, "hunter2"));
    assert_non_null(strstr((const char *)buf.data, "\n# admin-password is set"));
    assert_non_null(strstr((const char *)buf.data,
                           "{\"name\":\"admin-password\",\"value\":null,\"secret\":true"));
    buf_done(&buf);
    config_done(&config);
}

/* Method: the dump as JSON is one object; values have their types. */
static void test_dump_json(void **state)
{
    const char *const words[] = {"--durable=0", "--max-connections=5", NULL};
    struct config config = {0};
    struct buf buf;

    (void)state;
    buf_init(&buf, 100000);
    assert_true(read_words(&config, words));
    config_dump_json(&config, &buf);
    assert_int_equal(json_type_of(slice_of(buf.data, buf.size - 1)), JSON_OBJECT);
    assert_true(buf_add_byte(&buf, '\0'));
    assert_non_null(strstr((const char *)buf.data,
                           "{\"name\":\"durable\",\"value\":false,\"origin\":\"argument\","));
    assert_non_null(strstr((const char *)buf.data, "\"max-connections\",\"value\":5,"));
    assert_non_null(strstr((const char *)buf.data, "\"idle-timeout\",\"value\":\"120s\","));
    buf_done(&buf);
    config_done(&config);
}

/* Method: the file changes thrice: what reloads is taken and the rest is kept; a mistake keeps all;
 * then back. */
static void test_reload(void **state)
{
    char config_word[] = "--config";
    char *argv[] = {config_word, path};
    struct config config = {0};
    struct reload reload;

    (void)state;
    log_setup((enum log_level)(LOG_ERROR + 1), LOG_TEXT);
    write_file("retention = 1h\nbind = ':1'\n");
    assert_true(config_read(&config, 2, argv));
    reload_init(&reload, 2, argv);
    write_file("retention = 2h\nbind = ':2'\nlog-level = warn\n");
    assert_true(reload_config(&reload, &config));
    assert_int_equal(reload.changed_count, 2);
    assert_int_equal(reload.config->options.retention_ms, 7200000);
    assert_string_equal(reload.config->options.log_level, "warn");
    assert_string_equal(reload.config->options.bind, ":1");
    write_file("retention = 3h\nbund = ':2'\n");
    assert_false(reload_config(&reload, &config));
    assert_int_equal(reload.config->options.retention_ms, 7200000);
    write_file("retention = 60m\n");
    assert_true(reload_config(&reload, &config));
    assert_int_equal(reload.changed_count, 2);
    assert_int_equal(reload.config->options.retention_ms, 3600000);
    assert_string_equal(reload.config->options.bind, ":1");
    reload_done(&reload);
    config_done(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_which_file),
        cmocka_unit_test(test_problems_of_a_file),
        cmocka_unit_test(test_problems_elsewhere),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_dump_round_trip),
        cmocka_unit_test(test_secrets_are_masked),
        cmocka_unit_test(test_dump_json),
        cmocka_unit_test(test_reload),
    };

    return cmocka_run_group_tests_name("server_config", tests, make_path, remove_path);
}
