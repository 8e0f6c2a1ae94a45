/* The process's HTTP listener: its address, its certificate, and how many connections it may have.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "server/refusal.h"

#include <uv.h>

struct api;
struct http_server;
struct server_options;

/* Listens, through TLS when there is a certificate. False: *refusal says why not. Loop thread, like
 * all here. */
bool listener_open(uv_loop_t *loop, const struct server_options *options, struct api *api,
                   struct http_server **ret_http, struct refusal *refusal);

/* Reads certificate, key and client authorities again and logs what came of it: connections from
 * now on use them, or, when they are not usable, those before. */
void listener_reload(struct http_server *http);

/* "https" or "http". */
const char *listener_scheme(const struct http_server *http);

#endif
