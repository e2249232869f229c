#include "http/server/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "base/hex.h"
#include "base/text.h"
#include "base/uuid.h"

namespace ledgerline::http {
namespace {

// Without forward secrecy, a key that is lost would open what was recorded before.
constexpr const char* kCiphersOfTls12 = "ECDHE+AESGCM:ECDHE+CHACHA20";
// The first one, which keeps what is recorded from quantum computers, is known to OpenSSL from 3.5 on only. None over
// finite fields: with those a client makes the server compute far more than itself.
constexpr const char* kGroups[] = {"X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384"};
constexpr unsigned char kProtocol[] = "\x08http/1.1";
constexpr const unsigned char* kSessionScope = kProtocol;
constexpr std::size_t kFingerprintBytes = 32;

std::unexpected<Error> refused(const std::string& path, const std::string& why) {
    return failure(Disposition::refuse, "bad_certificate", path + ": " + why);
}

// Why a call failed, in OpenSSL's words. They name no content of a file.
std::string reason() {
    const unsigned long error = ERR_peek_error();
    const char* text =
        ERR_GET_LIB(error) == ERR_LIB_SYS ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    ERR_clear_error();
    return text ? peer_text(text) : "OpenSSL gives no reason";
}

// NOLINTNEXTLINE(readability-function-size): the signature is OpenSSL's
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
                    void*) {
    unsigned char* chosen = nullptr;
    const int found = SSL_select_next_proto(&chosen, out_size, kProtocol, sizeof kProtocol - 1, in, in_size);
    *out = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

void set_policy(SSL_CTX* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_PRIORITIZE_CHACHA | SSL_OP_CLEANSE_PLAINTEXT);
    LEDGERLINE_ASSERT(SSL_CTX_set_cipher_list(context, kCiphersOfTls12) == 1);
    LEDGERLINE_ASSERT(std::ranges::any_of(
        kGroups, [&](const char* groups) { return SSL_CTX_set1_groups_list(context, groups) == 1; }));
    ERR_clear_error();
    // A connection that waits holds no buffers. What is written may have moved when the socket is ready again.
    SSL_CTX_set_mode(context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // Clients keep sessions in tickets: the server keeps nothing, and a new context knows no ticket of the old one.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context, kSessionScope, sizeof kProtocol - 1);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
}

// Asked for a password, OpenSSL would read from the terminal.
int no_password(char*, int, int, void*) { return -1; }

Result<void> read_files(SSL_CTX* context, const TlsFiles& files) {
    SSL_CTX_set_default_passwd_cb(context, no_password);
    if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
        return refused(files.certificate, "is no certificate in PEM: " + reason());
    if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
        return refused(files.key, "is not the certificate's key, in PEM and without a password: " + reason());
    if (files.client_authorities.empty()) return {};
    const char* authorities = files.client_authorities.c_str();
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(authorities);
    if (!names || SSL_CTX_load_verify_file(context, authorities) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return refused(authorities, "holds no certificates in PEM: " + reason());
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return {};
}

std::string fingerprint_of(const X509* certificate) {
    std::array<unsigned char, kFingerprintBytes> hash{};
    unsigned size = 0;
    LEDGERLINE_ASSERT(X509_digest(certificate, EVP_sha256(), hash.data(), &size) == 1 && size == hash.size());
    return hex_of(hash);
}

std::chrono::sys_seconds time_of(const ASN1_TIME* time, WallTime now) {
    const auto base = std::chrono::floor<std::chrono::seconds>(now);
    time_t seconds = base.time_since_epoch().count();
    ASN1_TIME* reference = ASN1_TIME_set(nullptr, seconds);
    int days_left = 0, seconds_left = 0;
    LEDGERLINE_ASSERT(reference && ASN1_TIME_diff(&days_left, &seconds_left, reference, time) == 1);
    ASN1_TIME_free(reference);
    return base + std::chrono::days(days_left) + std::chrono::seconds(seconds_left);
}

// The key's id in a name such as urn:uuid:0198f0a0-0000-7000-8000-0123456789ab (RFC 9562).
std::optional<Uuid> key_in(const GENERAL_NAME& name) {
    if (name.type != GEN_URI) return std::nullopt;
    const ASN1_IA5STRING* uri = name.d.uniformResourceIdentifier;
    const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                                static_cast<std::size_t>(ASN1_STRING_length(uri)));
    return text.starts_with(client_key_prefix) ? Uuid::parse(text.substr(client_key_prefix.size())) : std::nullopt;
}

// Who names several could be taken for any of them.
std::string only_key_in(const X509* certificate) {
    auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    std::string id;
    int count = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i)
        if (const auto key = key_in(*sk_GENERAL_NAME_value(names, i)); key && ++count) id = key->to_string();
    GENERAL_NAMES_free(names);
    return count == 1 ? id : "";
}

}  // namespace

void TlsContext::Freed::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void TlsSession::Freed::operator()(ssl_st* session) const { SSL_free(session); }

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsFiles& files, WallTime now) {
    auto made = std::make_shared<TlsContext>();
    made->context_.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX* context = made->context_.get();
    LEDGERLINE_ASSERT(context);
    ERR_clear_error();
    set_policy(context);
    LEDGERLINE_CHECK(read_files(context, files));
    const X509* certificate = SSL_CTX_get0_certificate(context);
    made->fingerprint_ = fingerprint_of(certificate);
    made->expires_at_ = time_of(X509_get0_notAfter(certificate), now);
    made->client_keys_ = files.client_keys;
    if (made->expires_at_ <= now) return refused(files.certificate, "has expired");
    return made;
}

TlsSession::TlsSession(const TlsContext& context, int descriptor)
    : session_(SSL_new(context.context_.get())), client_keys_(context.client_keys_) {
    if (!session_ || SSL_set_fd(session_.get(), descriptor) != 1) throw std::bad_alloc();
    SSL_set_accept_state(session_.get());
}

TlsSession::Step TlsSession::step_of(int result) {
    if (result == 1) return Step::moved;
    switch (SSL_get_error(session_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return Step::wait_read;
        case SSL_ERROR_WANT_WRITE:
            return Step::wait_write;
        case SSL_ERROR_SYSCALL:
        case SSL_ERROR_SSL:
            broken_ = true;
            break;
        default:
            break;
    }
    ERR_clear_error();
    return Step::gone;
}

TlsSession::Step TlsSession::handshake() {
    ERR_clear_error();
    const Step step = step_of(SSL_do_handshake(session_.get()));
    established_ = step == Step::moved;
    return step;
}

TlsSession::Step TlsSession::read(std::span<char> block, std::size_t& bytes) {
    ERR_clear_error();
    bytes = 0;
    return step_of(SSL_read_ex(session_.get(), block.data(), block.size(), &bytes));
}

TlsSession::Step TlsSession::write(std::string_view text, std::size_t& bytes) {
    ERR_clear_error();
    bytes = 0;
    return step_of(SSL_write_ex(session_.get(), text.data(), text.size(), &bytes));
}

void TlsSession::finish() {
    if (!established_ || broken_) return;
    ERR_clear_error();
    SSL_shutdown(session_.get());
    ERR_clear_error();
}

std::string TlsSession::client_key() const {
    const X509* certificate = client_keys_ && established_ ? SSL_get0_peer_certificate(session_.get()) : nullptr;
    return certificate ? only_key_in(certificate) : "";
}

bool TlsSession::has_unread() const { return SSL_has_pending(session_.get()) == 1; }

}  // namespace ledgerline::http
