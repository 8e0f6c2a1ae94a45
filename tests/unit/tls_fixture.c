/* See tls_fixture.h. */
#include "tests/unit/tls_fixture.h"

#include <assert.h>
#include <dirent.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void tls_make_dir(char path[TLS_PATH_MAX])
{
    (void)snprintf(path, TLS_PATH_MAX, "/tmp/corvo-tls-XXXXXX");
    if (!mkdtemp(path)) {
        perror(path);
        abort();
    }
}

void tls_remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char file[2 * TLS_PATH_MAX];

        if (entry->d_name[0] != '.') {
            (void)snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
            (void)unlink(file);
        }
    }
    if (dir) {
        (void)closedir(dir);
    }
    (void)rmdir(path);
}

static void must(int truth)
{
    if (truth != 1) {
        ERR_print_errors_fp(stderr);
        abort();
    }
}

static void add_extension(X509 *cert, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);

    must(extension != NULL);
    must(X509_add_ext(cert, extension, -1));
    X509_EXTENSION_free(extension);
}

void tls_write_pair(const struct tls_pair *pair, const char *cert_path, const char *key_path)
{
    FILE *file = fopen(cert_path, "w");

    must(file && PEM_write_X509(file, pair->cert) == 1 && fclose(file) == 0);
    file = fopen(key_path, "w");
    must(file && PEM_write_PrivateKey(file, pair->key, NULL, NULL, 0, NULL, NULL) == 1 &&
         fclose(file) == 0);
}

void tls_make_pair(struct tls_pair *pair, const char *dir, const char *name, long valid_s,
                   const struct tls_pair *issuer)
{
    static long serial;
    X509_NAME *subject;

    pair->key = EVP_EC_gen("P-256");
    pair->cert = X509_new();
    must(pair->key && pair->cert);
    must(X509_set_version(pair->cert, 2));
    must(ASN1_INTEGER_set(X509_get_serialNumber(pair->cert), ++serial));
    must(X509_gmtime_adj(X509_getm_notBefore(pair->cert), valid_s < 0 ? 2 * valid_s : -3600) !=
         NULL);
    must(X509_gmtime_adj(X509_getm_notAfter(pair->cert), valid_s) != NULL);
    must(X509_set_pubkey(pair->cert, pair->key));
    subject = X509_get_subject_name(pair->cert);
    must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                    -1, 0));
    must(X509_set_issuer_name(pair->cert, issuer ? X509_get_subject_name(issuer->cert) : subject));
    add_extension(pair->cert, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
    add_extension(pair->cert, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    must(X509_sign(pair->cert, issuer ? issuer->key : pair->key, EVP_sha256()) > 0);
    (void)snprintf(pair->cert_path, TLS_PATH_MAX, "%.200s/%.40s.pem", dir, name);
    (void)snprintf(pair->key_path, TLS_PATH_MAX, "%.200s/%.40s.key", dir, name);
    tls_write_pair(pair, pair->cert_path, pair->key_path);
}

void tls_free_pair(struct tls_pair *pair)
{
    X509_free(pair->cert);
    EVP_PKEY_free(pair->key);
}
