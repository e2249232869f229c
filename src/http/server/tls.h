// TLS of the server's side, over OpenSSL: 1.2 and 1.3, with forward secrecy only.
//
// TlsContext holds a certificate with its key, and whose certificates clients must show; it does not change, so that
// new ones take its place for connections made from then on. Safe to use from any thread.
//
// TlsSession is one connection, on a socket that does not block. It never waits: it says what the socket must be ready
// for. One thread at a time. The process must ignore SIGPIPE.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

struct ssl_st;
struct ssl_ctx_st;

namespace ledgerline::http {

// Paths of PEM files.
struct TlsFiles {
    std::string certificate;  // with the certificates between it and the root, if there are any
    std::string key;
    std::string client_authorities;  // one of which must have signed a client's certificate; "": none is asked for
    bool client_keys = false;        // such a certificate may name an API key, for which it stands

    bool empty() const { return certificate.empty(); }
};

// What the name of an API key in a client's certificate begins with, among its alternative names; its id follows.
inline constexpr std::string_view client_key_prefix = "urn:uuid:";

class TlsContext {
public:
    // Refuses (bad_certificate) files that cannot be read, do not fit one another, or whose certificate has expired.
    // The message names the file.
    static Result<std::shared_ptr<const TlsContext>> load(const TlsFiles& files, WallTime now);

    // SHA-256 of the certificate, in hexadecimal digits.
    const std::string& fingerprint() const { return fingerprint_; }
    std::chrono::sys_seconds expires_at() const { return expires_at_; }

private:
    friend class TlsSession;
    struct Freed {
        void operator()(ssl_ctx_st* context) const;
    };

    std::unique_ptr<ssl_ctx_st, Freed> context_;
    std::string fingerprint_;
    std::chrono::sys_seconds expires_at_;
    bool client_keys_ = false;
};

class TlsSession {
public:
    // What a call did, or what must happen before it can go on.
    enum class Step { moved, wait_read, wait_write, gone };

    TlsSession(const TlsContext& context, int descriptor);

    // moved: the handshake is done.
    Step handshake();
    Step read(std::span<char> block, std::size_t& bytes);
    Step write(std::string_view text, std::size_t& bytes);
    // Tells the peer that nothing more follows, if the socket takes it at once.
    void finish();
    // The id of the API key that the client's certificate names, after the handshake; "" when it names none, or
    // several, or does not stand for them.
    std::string client_key() const;
    // Whether the peer has sent something that was received and not read.
    bool has_unread() const;

private:
    struct Freed {
        void operator()(ssl_st* session) const;
    };
    Step step_of(int result);

    std::unique_ptr<ssl_st, Freed> session_;
    const bool client_keys_;
    bool established_ = false;
    bool broken_ = false;  // nothing more may be sent
};

}  // namespace ledgerline::http
