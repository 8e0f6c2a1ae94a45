/* Bind addresses: see address.h. */
#include "http/address.h"

#include "base/limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 1024

struct address {
    char host[HOSTNAME_MAX + 1]; /* Empty: all addresses. */
    char port[6];
};

static enum err_code parse_port(const char *text, struct address *ret_address, struct err *err)
{
    size_t size = strspn(text, "0123456789");

    if (size == 0 || size > 5 || text[size] != '\0' || strtoul(text, NULL, 10) > 65535) {
        return err_set(err, ERR_INVALID, "port '%s' is not a number from 0 to 65535", text);
    }
    memcpy(ret_address->port, text, size + 1);
    return ERR_NONE;
}

static enum err_code parse(const char *text, struct address *ret_address, struct err *err)
{
    const char *host = text;
    const char *end = strrchr(text, ':');

    if (text[0] == '[') {
        host = text + 1;
        end = strchr(text, ']');
        if (!end || end[1] != ':') {
            return err_set(err, ERR_INVALID, "'%s' is not [address]:port", text);
        }
    } else if (!end) {
        return err_set(err, ERR_INVALID, "'%s' has no port: want host:port or :port", text);
    } else if (memchr(text, ':', (size_t)(end - text))) {
        return err_set(err, ERR_INVALID, "'%s': an IPv6 address wants brackets: [address]:port",
                       text);
    }
    if ((size_t)(end - host) > HOSTNAME_MAX) {
        return err_set(err, ERR_INVALID, "the host name is longer than %d bytes", HOSTNAME_MAX);
    }
    memcpy(ret_address->host, host, (size_t)(end - host));
    ret_address->host[end - host] = '\0';
    return parse_port(end + (*end == ']' ? 2 : 1), ret_address, err);
}

/* Failures of bind and listen, in words that say what to change. */
static enum err_code explain(int error, const char *text, struct err *err)
{
    switch (error) {
    case EADDRINUSE:
        return err_set(err, ERR_STATE, "address %s is in use", text);
    case EADDRNOTAVAIL:
        return err_set(err, ERR_INVALID, "address %s is not one of this machine's", text);
    case EACCES:
        return err_set(err, ERR_IO, "address %s: no permission; ports below 1024 want a privilege",
                       text);
    case EAFNOSUPPORT:
        return err_set(err, ERR_INVALID, "address %s: this machine has no such address family",
                       text);
    default:
        return err_set(err, ERR_IO, "address %s: %s", text, strerror(error));
    }
}

/* A listening socket, or -1 with errno. */
static int listen_on(const struct addrinfo *info)
{
    int on = 1;
    int v6_only = 0; /* "[::]" takes IPv4 too, whatever the system's default. */
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        (info->ai_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) != 0) ||
        bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;

        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static enum err_code look_up(const struct address *address, struct addrinfo **ret_info,
                             struct err *err)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    int failed =
        getaddrinfo(address->host[0] ? address->host : NULL, address->port, &hints, ret_info);

    if (failed == EAI_MEMORY) {
        return err_set(err, ERR_NOMEM, "no memory to look up '%s'", address->host);
    }
    if (failed) {
        return err_set(err, ERR_INVALID, "host '%s': %s", address->host, gai_strerror(failed));
    }
    return ERR_NONE;
}

/* One socket on IPv6 takes IPv4 too; where there is no IPv6, the IPv4 address is next. */
static int listen_any(const struct addrinfo *infos, bool all_addresses)
{
    int error = EADDRNOTAVAIL;

    for (int family = AF_INET6;; family = AF_INET) {
        for (const struct addrinfo *info = infos; info; info = info->ai_next) {
            int fd;

            if (all_addresses && info->ai_family != family) {
                continue;
            }
            fd = listen_on(info);
            if (fd >= 0) {
                return fd;
            }
            error = errno;
            if (error == EADDRINUSE) {
                errno = error;
                return -1;
            }
        }
        if (!all_addresses || family == AF_INET) {
            break;
        }
    }
    errno = error;
    return -1;
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    if (address->ss_family == AF_INET6) {
        memcpy(&v6, address, sizeof(v6));
        return ntohs(v6.sin6_port);
    }
    memcpy(&v4, address, sizeof(v4));
    return ntohs(v4.sin_port);
}

enum err_code http_address_listen(const char *bind_text, int *ret_socket, uint16_t *ret_port,
                                  struct err *err)
{
    struct address address;
    struct addrinfo *infos = NULL;
    struct sockaddr_storage bound;
    socklen_t bound_size = sizeof(bound);
    enum err_code code = parse(bind_text, &address, err);
    int fd = -1;

    if (code) {
        return code;
    }
    code = look_up(&address, &infos, err);
    if (code) {
        return code;
    }
    fd = listen_any(infos, address.host[0] == '\0');
    if (fd < 0) {
        code = explain(errno, bind_text, err);
        goto out;
    }
    if (getsockname(fd, (struct sockaddr *)&bound, &bound_size) != 0) {
        code = explain(errno, bind_text, err);
        goto out;
    }
    *ret_port = port_of(&bound);
    *ret_socket = fd;
    fd = -1;
out:
    if (fd >= 0) {
        (void)close(fd);
    }
    freeaddrinfo(infos);
    return code;
}

void http_address_print(const struct sockaddr_storage *address, char text[HTTP_ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "";
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    if (address->ss_family == AF_INET6) {
        memcpy(&v6, address, sizeof(v6));
        if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            (void)inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
            (void)snprintf(text, HTTP_ADDRESS_TEXT_MAX, "[%s]:%u", host, port_of(address));
            return;
        }
        (void)inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], host, sizeof(host));
    } else {
        memcpy(&v4, address, sizeof(v4));
        (void)inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
    }
    (void)snprintf(text, HTTP_ADDRESS_TEXT_MAX, "%s:%u", host, port_of(address));
}
