/* OpenSSL's headers, with their one name moved out of the way that is also an enumerator of err.h.
 */
#ifndef HTTP_OPENSSL_NAMES_H
#define HTTP_OPENSSL_NAMES_H

#define ERR_STATE OPENSSL_ERR_STATE

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#undef ERR_STATE

#endif
