/* Requests and their pool: see request.h. */
#include "http/request.h"

#include "base/limits.h"

#include <stdlib.h>

#define POOL_MAX 64
#define BODY_KEEP_MAX (64 * KIB)

struct http_request *http_request_take(struct http_request_pool *pool)
{
    struct http_request *request = pool->first;
    struct arena arena;
    struct buf body;

    if (!request) {
        request = calloc(1, sizeof(*request));
        if (!request) {
            return NULL;
        }
        arena_init(&request->arena, REQUEST_ARENA_MAX);
        buf_init(&request->body, SIZE_MAX / 2); /* The parser checks body_size_max. */
        request->input.arena = &request->arena;
        return request;
    }
    pool->first = request->next;
    pool->count--;
    arena = request->arena;
    body = request->body;
    *request = (struct http_request){.arena = arena, .body = body};
    request->input.arena = &request->arena;
    return request;
}

void http_request_destroy(struct http_request *owned_request)
{
    arena_done(&owned_request->arena);
    buf_done(&owned_request->body);
    free(owned_request);
}

void http_request_forget(struct http_request_pool *pool, struct http_request *request)
{
    assert(pool->memory_used >= request->held);
    pool->memory_used -= request->held;
    request->held = 0;
}

void http_request_give(struct http_request_pool *pool, struct http_request *owned_request)
{
    http_request_forget(pool, owned_request);
    if (pool->count == POOL_MAX) {
        http_request_destroy(owned_request);
        return;
    }
    arena_clear(&owned_request->arena);
    if (owned_request->body.capacity > BODY_KEEP_MAX) {
        buf_done(&owned_request->body);
    }
    buf_clear(&owned_request->body);
    owned_request->next = pool->first;
    pool->first = owned_request;
    pool->count++;
}

void http_request_pool_done(struct http_request_pool *pool)
{
    while (pool->first) {
        struct http_request *request = pool->first;

        pool->first = request->next;
        http_request_destroy(request);
    }
    pool->count = 0;
}
