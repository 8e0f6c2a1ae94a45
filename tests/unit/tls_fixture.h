/* Certificates for tests, and a TLS client whose bytes the test carries. */
#ifndef TEST_TLS_FIXTURE_H
#define TEST_TLS_FIXTURE_H

#include "http/openssl_names.h"

#include <stdbool.h>
#include <stddef.h>

#define TLS_PATH_MAX 256

/* A certificate with its key, signed by `issuer` or by itself. */
struct tls_pair {
    X509 *cert;
    EVP_PKEY *key;
    char cert_path[TLS_PATH_MAX];
    char key_path[TLS_PATH_MAX];
};

/* A directory that tls_remove_dir removes with its files. */
void tls_make_dir(char path[TLS_PATH_MAX]);
void tls_remove_dir(const char *path);

/* Makes the pair, valid from an hour before now until `valid_s` after now, and writes both files.
 */
void tls_make_pair(struct tls_pair *pair, const char *dir, const char *name, long valid_s,
                   const struct tls_pair *issuer);

/* Writes the pair's files under the names of another one, as an administrator would. */
void tls_write_pair(const struct tls_pair *pair, const char *cert_path, const char *key_path);
void tls_free_pair(struct tls_pair *pair);

#endif
