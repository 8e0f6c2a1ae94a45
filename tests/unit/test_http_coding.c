/* Which coding a client gets, and that what it gets is gzip of the same bytes. */
#include "http/coding.h"
#include "tests/unit/test_http_harness.h"

#include <zlib.h>

#define H "Host: a\r\n"

struct row {
    const char *values[3]; /* Of Accept-Encoding headers. */
    bool gzip;
};

static const struct row rows[] = {
    {{NULL}, false},
    {{""}, false},
    {{"gzip"}, true},
    {{"GZIP"}, true},
    {{"x-gzip"}, true},
    {{"gzip, deflate, br"}, true},
    {{"br;q=1.0, gzip;q=0.8, *;q=0.1"}, true},
    {{"  br ,\tgzip ; q=0.001"}, true},
    {{"deflate, br"}, false},
    {{"deflate", "gzip"}, true},
    {{"gzip;q=0"}, false},
    {{"gzip;q=0.000"}, false},
    {{"gzip;q=1"}, true},
    {{"gzip;q=1.000"}, true},
    {{"gzip;Q=0.5"}, true},
    {{"gzip;q=1.001"}, false},
    {{"gzip;q=2"}, false},
    {{"gzip;q=-1"}, false},
    {{"gzip;q="}, false},
    {{"gzip;q=0.0000"}, false},
    {{"gzip;q=0x1"}, false},
    {{"gzip;level=9"}, false},
    {{"*"}, true},
    {{"*;q=0"}, false},
    {{"*;q=0, gzip"}, true},
    {{"gzip;q=0, *"}, false},
    {{"identity"}, false},
    {{"identity;q=0"}, false}, /* gzip was not offered: as it is, rather than nothing. */
    {{"identity;q=0, gzip"}, true},
    {{"identity;q=0, *"}, true},
    {{"identity;q=0.5, gzip;q=0.4"}, false},
    {{"identity;q=0.4, gzip;q=0.5"}, true},
    {{"identity, gzip"}, true},
    {{"gzipped"}, false},
    {{"gzip gzip"}, false},
    {{",,, ,gzip,,"}, true},
    {{";q=1, ;;;, ="}, false},
};

/* Method: a request with each row's headers, among others. */
static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct http_header headers[5] = {{slice_text("Host"), slice_text("gzip")}};
        struct http_input input = {.headers = headers, .header_count = 1};

        for (size_t j = 0; j < 3 && rows[i].values[j]; j++) {
            headers[input.header_count].name = slice_text("accept-Encoding");
            headers[input.header_count].value = slice_text(rows[i].values[j]);
            input.header_count++;
        }
        if (http_coding_wants_gzip(&input) != rows[i].gzip) {
            fail_msg("row %zu: '%s'", i, rows[i].values[0] ? rows[i].values[0] : "none");
        }
    }
}

static struct slice inflate_all(struct slice packed, uint8_t *bytes, size_t size_max)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.data,
                       .avail_in = (uInt)packed.size,
                       .next_out = bytes,
                       .avail_out = (uInt)size_max};

    assert_int_equal(inflateInit2(&stream, 31), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    assert_int_equal(inflateEnd(&stream), Z_OK);
    return slice_of(bytes, size_max - stream.avail_out);
}

/* Method: bodies of many sizes and kinds, twice through one compressor; what is small, large,
 * coded, of another type or does not shrink stays as it is. */
static void test_apply(void **state)
{
    static uint8_t text[2 * HTTP_GZIP_SIZE_MAX], back[2 * HTTP_GZIP_SIZE_MAX];
    static const char json[] = "application/json";
    struct http_header header = {slice_text("Accept-Encoding"), slice_text("gzip")};
    struct http_input wants = {.headers = &header, .header_count = 1};
    struct http_input plain = {0};
    const struct {
        size_t size;
        const char *type;
        const char *headers;
        const struct http_input *input;
        enum http_coding coding;
    } cases[] = {
        {0, json, "", &wants, HTTP_CODING_NONE},
        {HTTP_GZIP_SIZE_MIN - 1, json, "", &wants, HTTP_CODING_NONE},
        {HTTP_GZIP_SIZE_MIN, json, "", &wants, HTTP_CODING_GZIP},
        {HTTP_GZIP_SIZE_MIN, "text/html; charset=utf-8", "", &wants, HTTP_CODING_GZIP},
        {HTTP_GZIP_SIZE_MIN, "image/svg+xml", "", &wants, HTTP_CODING_GZIP},
        {HTTP_GZIP_SIZE_MIN, "image/png", "", &wants, HTTP_CODING_NONE},
        {HTTP_GZIP_SIZE_MIN, "text/event-stream", "", &wants, HTTP_CODING_NONE},
        {HTTP_GZIP_SIZE_MIN, NULL, "", &wants, HTTP_CODING_NONE},
        {HTTP_GZIP_SIZE_MIN, json, "A: b\r\nContent-Encoding: br\r\n", &wants, HTTP_CODING_NONE},
        {HTTP_GZIP_SIZE_MIN, json, "A: b\r\n", &plain, HTTP_CODING_IDENTITY},
        {70000, json, "", &wants, HTTP_CODING_GZIP},
        {HTTP_GZIP_SIZE_MAX, json, "", &wants, HTTP_CODING_GZIP},
        {HTTP_GZIP_SIZE_MAX + 1, json, "", &wants, HTTP_CODING_IDENTITY},
        {2 * HTTP_GZIP_SIZE_MAX, json, "", &wants, HTTP_CODING_IDENTITY},
    };
    struct http_gzip *gzip = http_gzip_create();
    uint32_t seed = 1;

    (void)state;
    assert_non_null(gzip);
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (uint8_t)"{\"id\":12345,\"state\":\"pending\"}"[(i + i / 5000) % 30];
    }
    for (size_t i = 0; i < 2 * ARRAY_COUNT(cases); i++) {
        size_t at = i % ARRAY_COUNT(cases);
        struct http_output output = {.content_type = cases[at].type,
                                     .headers = slice_text(cases[at].headers),
                                     .body = slice_of(text, cases[at].size)};
        struct slice packed = output.body;

        assert_int_equal(http_gzip_apply(gzip, cases[at].input, &output, i, &packed),
                         cases[at].coding);
        if (cases[at].coding == HTTP_CODING_GZIP) {
            assert_true(packed.size < cases[at].size / 4);
            packed = inflate_all(packed, back, sizeof(back));
        }
        assert_true(slice_equal(packed, output.body));
    }
    for (size_t i = 0; i < sizeof(text); i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = (uint8_t)(seed >> 24);
    }
    {
        struct http_output output = {.content_type = json, .body = slice_of(text, 100000)};
        struct slice packed = output.body;

        assert_int_equal(http_gzip_apply(gzip, &wants, &output, 0, &packed), HTTP_CODING_IDENTITY);
        assert_true(packed.data == text);
    }
    http_gzip_destroy(gzip);
}

/* Method: in one turn a megabyte is compressed, whoever asks; in the next one it goes on. */
static void test_turn(void **state)
{
    static uint8_t text[HTTP_GZIP_SIZE_MAX / 2];
    struct http_header header = {slice_text("Accept-Encoding"), slice_text("gzip")};
    struct http_input wants = {.headers = &header, .header_count = 1};
    struct http_output output = {.content_type = "application/json",
                                 .body = slice_of(text, sizeof(text))};
    struct http_gzip *gzip = http_gzip_create();
    struct slice packed;

    (void)state;
    assert_non_null(gzip);
    for (int turn = 1; turn < 3; turn++) {
        for (int i = 0; i < 4; i++) {
            assert_int_equal(http_gzip_apply(gzip, &wants, &output, (uint64_t)turn, &packed),
                             i < 2 ? HTTP_CODING_GZIP : HTTP_CODING_IDENTITY);
        }
    }
    http_gzip_destroy(gzip);
}

static void ask(struct world *world, const char *method, const char *accept, struct answer *answer)
{
    static struct client client;
    char text[4096];
    char filler[2048];

    memset(filler, 'f', sizeof(filler));
    (void)snprintf(text, sizeof(text), "%s /%.*s HTTP/1.1\r\n" H "%s%s%sConnection: close\r\n\r\n",
                   method, (int)sizeof(filler), filler, accept ? "Accept-Encoding: " : "",
                   accept ? accept : "", accept ? "\r\n" : "");
    client_open(world, &client);
    client_text(world, &client, text);
    assert_true(client_answer(world, &client, strcmp(method, "HEAD") == 0, answer));
    client_ends(world, &client);
}

static size_t length_said(const struct answer *answer)
{
    return strtoul(strstr(answer->head, "\r\nContent-Length: ") + 18, NULL, 10);
}

/* Method: over a socket: what GET gets, HEAD announces; caches are told; off is off. */
static void test_served(void **state)
{
    struct world *world = world_create((struct http_options){.compression = true});
    static struct answer answer, head;
    static uint8_t bytes[8192];
    size_t size;

    (void)state;
    ask(world, "GET", "gzip", &answer);
    assert_non_null(strstr(answer.head, "\r\nContent-Encoding: gzip\r\n"));
    assert_non_null(strstr(answer.head, "\r\nVary: Accept-Encoding\r\n"));
    assert_null(strstr(answer.head, "\r\nETag"));
    assert_int_equal(answer.body_size, length_said(&answer));
    size =
        inflate_all(slice_of((const uint8_t *)answer.body, answer.body_size), bytes, sizeof(bytes))
            .size;
    assert_int_equal(size, 4 + 1 + 2048 + 2);
    assert_memory_equal(bytes, "GET /fff", 8);
    ask(world, "HEAD", "gzip", &head);
    assert_non_null(strstr(head.head, "\r\nContent-Encoding: gzip\r\n"));
    assert_in_range(length_said(&head), answer.body_size - 4, answer.body_size + 4);
    ask(world, "GET", NULL, &answer);
    assert_null(strstr(answer.head, "Content-Encoding"));
    assert_non_null(strstr(answer.head, "\r\nVary: Accept-Encoding\r\n"));
    assert_int_equal(answer.body_size, 2055);
    world_destroy(world);
    world = world_create((struct http_options){0});
    ask(world, "GET", "gzip", &answer);
    assert_null(strstr(answer.head, "Content-Encoding"));
    assert_null(strstr(answer.head, "Vary"));
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_turn),
        cmocka_unit_test(test_served),
    };

    return cmocka_run_group_tests_name("http_coding", tests, NULL, NULL);
}
