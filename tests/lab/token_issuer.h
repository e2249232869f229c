// An issuer of tokens: makes keys, signs whatever a test wants signed, and serves its keys over https.
//
//     TokenIssuer issuer;
//     issuer.make_key("first", "ES256");
//     issuer.token("first", {{"sub", "alice"}, {"scope", "accounts:read"}});
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/uuid.h"
#include "http/server/listener.h"
#include "lab/temp_dir.h"

struct evp_pkey_st;

namespace ledgerline::test {

std::string base64url(std::string_view bytes);

class TokenIssuer {
public:
    static constexpr const char* audience = "ledger";

    // Serves at once: its document and its keys.
    TokenIssuer();
    ~TokenIssuer();

    // A key of that algorithm: RS256, ES256 or EdDSA. More members of the key as it is published: `,"use":"enc"`.
    void make_key(const std::string& id, const std::string& algorithm, const std::string& more = "");
    // It is published no longer, and still signs.
    void retract_key(const std::string& id);
    // {"keys": [...]}: those published.
    std::string key_set() const;
    // The bytes of the public key, in PEM.
    std::string public_pem(const std::string& id) const;

    // A good token with these claims besides iss, aud, iat and exp; an equal name replaces one, null removes it.
    std::string token(const std::string& id, const json::Object& claims, WallTime now = SystemClock().wall_now()) const;
    json::Object claims(const json::Object& more, WallTime now = SystemClock().wall_now()) const;
    // Any header and claims, signed with that key.
    std::string sign(const std::string& id, std::string_view header, std::string_view claims) const;
    std::string signature(const std::string& id, std::string_view text) const;

    const std::string& url() const { return url_; }  // https://127.0.0.1:PORT
    std::string keys_url() const { return url_ + "/keys"; }
    std::string certificate() const { return (dir_.path() / "issuer.pem").string(); }
    int served() const { return served_; }              // key sets
    void answer_with(int status) { status_ = status; }  // instead of 200
    void name_issuer(const std::string& name);          // in its document

private:
    struct Key {
        std::shared_ptr<evp_pkey_st> key;
        std::string algorithm, jwk;
        bool published = true;
    };
    const Key& key(const std::string& id) const { return keys_.at(id); }
    boost::asio::awaitable<http::Response> answer(std::string body) const;

    const TempDir dir_;
    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
    Metrics metrics_{"issuer"};
    ProcessContext context_{clock_, random_, ids_, metrics_};
    mutable std::mutex mutex_;
    std::map<std::string, Key> keys_;
    std::string named_;
    std::atomic<int> served_ = 0, status_ = 200;
    http::Router router_;
    std::unique_ptr<http::Listener> listener_;
    std::string url_;
};

}  // namespace ledgerline::test
