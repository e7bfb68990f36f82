/*
 * tls.c: see tls.h.
 *
 * Versions and ciphers are those of Mozilla's "intermediate" without finite-field
 * Diffie-Hellman. The certificate is set by a callback of each handshake rather
 * than in the context: a context keeps one for each kind of key, so that a new
 * ECDSA certificate would leave the old RSA one in use for who prefers it.
 */
#include "tls.h"

#include "clock.h"
#include "log.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <time.h>

#define CIPHERS \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define NEAR_END_S (14 * 86400)

/* Holds certificate, chain and key of the moment; never shakes hands itself. */
static SSL_CTX *present;

bool
tls_is_wanted(const Config *config)
{
	return *config->tls_cert != '\0' || *config->tls_key != '\0';
}

/* What OpenSSL says first is what was wrong; the rest follows from it. */
static const char *
why(void)
{
	unsigned long error = ERR_get_error();
	const char *reason = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error))
												 : ERR_reason_error_string(error);

	ERR_clear_error();
	return reason ? reason : "cannot be read";
}

/* There is nobody to ask for a passphrase. */
static int
no_passphrase(char *out, int size, int writing, void *arg)
{
	(void) out;
	(void) size;
	(void) writing;
	(void) arg;
	return 0;
}

/* Both files into one holder; NULL with a message. */
static SSL_CTX *
read_files(const Config *config, Buf *error)
{
	SSL_CTX *holder = SSL_CTX_new(TLS_server_method());

	ERR_clear_error();
	SSL_CTX_set_default_passwd_cb(holder, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(holder, config->tls_cert) != 1)
		buf_printf(error, "tls_cert: \"%s\": %s", config->tls_cert, why());
	else if (SSL_CTX_use_PrivateKey_file(holder, config->tls_key, SSL_FILETYPE_PEM) != 1)
		buf_printf(error, "tls_key: \"%s\": %s", config->tls_key, why());
	else if (SSL_CTX_check_private_key(holder) != 1)
		buf_printf(error, "tls_key: \"%s\" is not the key of tls_cert", config->tls_key);
	else
		return holder;
	SSL_CTX_free(holder);
	return NULL;
}

/* When the certificate of a holder ends. */
static int64_t
end_of(SSL_CTX *holder)
{
	struct tm tm;
	const X509 *certificate = holder ? SSL_CTX_get0_certificate(holder) : NULL;

	if (certificate == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
		return 0;
	return (int64_t) timegm(&tm);
}

int64_t
tls_expires_at(void)
{
	return end_of(present);
}

/* An expired certificate is shown nevertheless: some client may not mind. */
static void
log_loaded(const Config *config)
{
	int64_t left = tls_expires_at() - clock_wall_ms() / 1000;

	log_line(left < NEAR_END_S ? LOG_WARN : LOG_INFO,
			 left < 0            ? "the certificate is expired"
			 : left < NEAR_END_S ? "the certificate ends soon"
								 : "certificate loaded",
			 "tls_cert=%s days_left=%d", log_quote(config->tls_cert),
			 (int) (left / 86400));
}

bool
tls_load(const Config *config, Buf *error)
{
	SSL_CTX *holder;

	if (!tls_is_wanted(config))
		return true;
	if (*config->tls_cert == '\0' || *config->tls_key == '\0')
	{
		buf_puts(error, "tls_cert and tls_key are needed both");
		return false;
	}
	holder = read_files(config, error);
	if (holder == NULL)
		return false;
	tls_free();
	present = holder;
	log_loaded(config);
	return true;
}

void
tls_free(void)
{
	SSL_CTX_free(present);
	present = NULL;
}

/* Each handshake takes what is good now. */
static int
give_certificate(SSL *ssl, void *arg)
{
	STACK_OF(X509) *chain = NULL;

	(void) arg;
	SSL_CTX_get0_chain_certs(present, &chain);
	SSL_certs_clear(ssl);
	return SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(present),
								SSL_CTX_get0_privatekey(present), chain, 1);
}

void
tls_serve(void *ssl_ctx)
{
	SSL_CTX *ctx = ssl_ctx;

	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(ctx, 0);
	SSL_CTX_set_cipher_list(ctx, CIPHERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
								 SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* an idle connection is most of them: it need not keep two buffers of 17 KB */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_cert_cb(ctx, give_certificate, NULL);
}

void
tls_say_goodbye(void *ssl)
{
	if (ssl != NULL && SSL_is_init_finished(ssl))
		SSL_shutdown(ssl);
	ERR_clear_error();
}
