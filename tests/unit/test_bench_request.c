/* Request bytes and the searches in replies. */
#include "bench/request.h"
#include "bench/scan.h"
#include "wire/json.h"

#include <stdlib.h>
#include <string.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

static const struct bench_options options = {.payload_size = 200, .queue = "q"};
static const struct bench bench = {.options = &options, .address = {.host = "h", .port = 8080}};

/* The body behind the header, whose Content-Length it must have. */
static struct slice body_of(const struct buf *request)
{
    struct slice bytes = buf_slice(request);
    const uint8_t *end = memmem(bytes.data, bytes.size, "\r\n\r\n", 4);
    uint64_t size = 0;
    struct slice body;

    assert_false(request->failed);
    assert_non_null(end);
    body = slice_from(bytes, (size_t)(end - bytes.data) + 4);
    assert_true(scan_number(bytes, "Content-Length: ", &size));
    assert_int_equal(body.size, size);
    assert_int_equal(json_type_of(body), JSON_OBJECT);
    return body;
}

static bool contains(struct slice bytes, const char *text)
{
    return memmem(bytes.data, bytes.size, text, strlen(text)) != NULL;
}

/* Method: the payload has its size whatever its number, and the number is found again. */
static void an_enqueue_carries_its_number(void **state)
{
    static const uint64_t numbers[] = {0, 7, 1234567890, REQUEST_NUMBER_MAX};
    struct enqueue_request request;
    struct err err;

    (void)state;
    assert_int_equal(enqueue_request_init(&request, &bench, "q1", &err), ERR_NONE);
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        struct slice body;
        struct slice payload;
        uint64_t number = 1;

        enqueue_request_number(&request, numbers[i]);
        body = body_of(&request.bytes);
        payload = slice_from(body, strlen("{\"queue\":\"q1\",\"payload\":"));
        assert_int_equal(payload.size - 1, options.payload_size);
        assert_true(request_number_of(body, &number));
        assert_int_equal(number, numbers[i]);
    }
    enqueue_request_done(&request);
}

/* Method: three scheduled jobs; times are read back by the codec. */
static void a_batch_has_times_and_numbers(void **state)
{
    const uint64_t due_ns = UINT64_C(1700000000123456789);
    const struct batch_spec spec = {
        .queue = "q2", .count = 3, .first_number = 5, .due_ns = due_ns, .interval_ns = 1000};
    struct buf request;
    struct slice rest;

    (void)state;
    buf_init(&request, REQUEST_SIZE_MAX);
    request_enqueue_batch(&request, &bench, &spec);
    assert_true(contains(buf_slice(&request), "POST /api/v1/enqueue/batch HTTP/1.1\r\n"));
    rest = body_of(&request);
    for (uint64_t i = 0; i < 3; i++) {
        struct slice number;
        struct slice time;
        uint64_t value = 0;
        uint64_t time_ns = 0;

        assert_true(scan_text(&rest, "{\"n\":\"", &number));
        assert_true(scan_digits(number, &value));
        assert_int_equal(value, 5 + i);
        assert_true(scan_text(&rest, "\"scheduled_at\":\"", &time));
        assert_true(json_parse_time(time, &time_ns));
        assert_int_equal(time_ns, due_ns + i * 1000);
    }
    assert_false(contains(rest, "scheduled_at"));
    buf_done(&request);
}

/* Method: each of the other requests, its path and body. */
static void requests_name_their_path(void **state)
{
    struct buf request;

    (void)state;
    buf_init(&request, REQUEST_SIZE_MAX);
    request_fetch(&request, &bench, "q3", 0);
    assert_true(contains(buf_slice(&request), "POST /api/v1/fetch HTTP/1.1\r\nHost: h:8080\r\n"));
    assert_true(
        slice_is(body_of(&request), "{\"queues\":[\"q3\"],\"worker_id\":\"w1\",\"timeout\":30}"));
    buf_clear(&request);
    request_fetch(&request, &bench, "q3", 64);
    assert_true(contains(buf_slice(&request), "POST /api/v1/fetch/batch HTTP/1.1\r\n"));
    assert_true(contains(body_of(&request), "\"count\":64}"));
    buf_clear(&request);
    request_ack(&request, &bench, slice_text("job_1"), slice_text("tok"));
    assert_true(contains(buf_slice(&request), "POST /api/v1/ack/job_1 HTTP/1.1\r\n"));
    assert_true(slice_is(body_of(&request), "{\"lease_token\":\"tok\"}"));
    buf_clear(&request);
    request_build(&request, &bench, "/healthz", slice_of(NULL, 0));
    assert_true(contains(buf_slice(&request), "GET /healthz HTTP/1.1\r\n"));
    buf_done(&request);
}

/* Method: replies with none, one and two jobs, members in either order, and one without a token. */
static void acks_are_made_from_what_was_fetched(void **state)
{
    static const char two[] = "{\"jobs\":[{\"job_id\":\"a\",\"lease_token\":\"x\"},"
                              "{\"lease_token\":\"y\",\"job_id\":\"b\"}]}";
    struct buf request;

    (void)state;
    buf_init(&request, REQUEST_SIZE_MAX);
    assert_int_equal(request_ack_batch(&request, &bench, slice_text("{\"jobs\":[]}")), 0);
    assert_int_equal(request.size, 0);
    assert_int_equal(request_ack_batch(&request, &bench, slice_text(two)), 2);
    assert_true(slice_is(body_of(&request), "{\"acks\":[{\"job_id\":\"a\",\"lease_token\":\"x\"},"
                                            "{\"job_id\":\"b\",\"lease_token\":\"y\"}]}"));
    buf_clear(&request);
    assert_int_equal(request_ack_batch(&request, &bench, slice_text("{\"job_id\":\"a\"}")),
                     UINT32_MAX);
    assert_int_equal(request.size, 0);
    buf_done(&request);
}

/* Method: values at the end of the bytes, without an end, and keys that are not there. */
static void searches_stay_within_the_bytes(void **state)
{
    struct slice rest = slice_text("\"a\":\"1\",\"a\":\"2\",\"a\":\"3");
    struct slice value;
    uint64_t number = 77;

    (void)state;
    assert_true(scan_text(&rest, "\"a\":\"", &value) && slice_is(value, "1"));
    assert_true(scan_text(&rest, "\"a\":\"", &value) && slice_is(value, "2"));
    assert_false(scan_text(&rest, "\"a\":\"", &value));
    assert_false(scan_text(&(struct slice){0}, "\"a\":\"", &value));
    assert_true(scan_number(slice_text("\"n\":42"), "\"n\":", &number));
    assert_int_equal(number, 42);
    assert_false(scan_number(slice_text("\"n\":"), "\"n\":", &number));
    assert_false(scan_number(slice_text("\"n\":-1"), "\"n\":", &number));
    assert_false(scan_number(slice_text("\"m\":1"), "\"n\":", &number));
    assert_false(scan_digits(slice_text("1234567890123456789"), &number));
    assert_false(scan_digits(slice_text("1a"), &number));
    assert_int_equal(number, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_enqueue_carries_its_number),
        cmocka_unit_test(a_batch_has_times_and_numbers),
        cmocka_unit_test(requests_name_their_path),
        cmocka_unit_test(acks_are_made_from_what_was_fetched),
        cmocka_unit_test(searches_stay_within_the_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
