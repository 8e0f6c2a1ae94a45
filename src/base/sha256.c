/* SHA-256 by libcrypto: see sha256.h. */
#include "base/sha256.h"

#include <openssl/evp.h>

bool sha256_bytes(struct slice bytes, uint8_t ret_hash[SHA256_SIZE])
{
    return EVP_Digest(bytes.data, bytes.size, ret_hash, NULL, EVP_sha256(), NULL) == 1;
}

bool sha256_parts(const struct slice *parts, uint32_t count, uint8_t ret_hash[SHA256_SIZE])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL);

    for (uint32_t i = 0; done && i < count; i++) {
        uint64_t size = parts[i].size;
        uint8_t bytes[8];

        for (uint32_t j = 0; j < sizeof(bytes); j++) {
            bytes[j] = (uint8_t)(size >> (8 * j));
        }
        done = EVP_DigestUpdate(context, bytes, sizeof(bytes)) &&
               EVP_DigestUpdate(context, parts[i].data, parts[i].size);
    }
    done = done && EVP_DigestFinal_ex(context, ret_hash, NULL);
    EVP_MD_CTX_free(context);
    return done;
}
