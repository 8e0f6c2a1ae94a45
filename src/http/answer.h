/* A reply's bytes: status line, the headers every reply carries, the handler's, the body. */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "base/buf.h"
#include "http/coding.h"
#include "http/http.h"

enum http_answer_connection {
    HTTP_ANSWER_PLAIN,      /* HTTP/1.1 stays open without a word. */
    HTTP_ANSWER_KEEP_ALIVE, /* HTTP/1.0 wants it said. */
    HTTP_ANSWER_CLOSE
};

struct http_answer {
    const struct http_output *output;
    struct slice body; /* output->body, or its coded form. */
    enum http_coding coding;
    enum http_answer_connection connection;
    uint64_t took_ns;
    bool head_only; /* The length is said, the body is not sent. */
};

/* The Date line of the present second, so that it is printed once a second only. Zeroed at first.
 */
struct http_date {
    int64_t second;
    char line[40];
    size_t size;
};

/* Appends the reply to `out`; false when that failed (memory, or its limit). Loop thread only. */
bool http_answer_build(struct buf *out, const struct http_answer *answer,
                       struct http_date *date) MUST_USE;

#endif
