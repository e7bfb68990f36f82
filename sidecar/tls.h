/*
 * tls.h: the certificate that clients are shown, and how TLS is spoken (layer 3);
 * tls.c is the only file that knows OpenSSL.
 *
 * libwebsockets drives the handshakes on a context of OpenSSL that it owns; this
 * file says which versions and ciphers, and gives each handshake the certificate
 * of the moment. What must stay true: certificate, chain and key change together
 * and only when all of the new ones are good; connections that are open keep what
 * they began with; a key with a passphrase is refused, because nobody is there to
 * be asked.
 */
#ifndef WRK_TLS_H
#define WRK_TLS_H

#include "config.h"

#include <stdbool.h>
#include <stdint.h>

/* Does the configuration ask for it? */
extern bool tls_is_wanted(const Config *config);

/*
 * Reads tls_cert and tls_key. False with a message leaves what was there before.
 * Nothing to do when TLS is not wanted.
 */
extern bool tls_load(const Config *config, Buf *error);
extern void tls_free(void);

/* Sets up an SSL_CTX for handshakes as a server. */
extern void tls_serve(void *ssl_ctx);

/* Tells the peer of an SSL that there is no more to come. */
extern void tls_say_goodbye(void *ssl);

/* When the certificate ends, Unix seconds; 0 without one. */
extern int64_t tls_expires_at(void);

#endif
