// IssuerKeys: keeps the keys with which tokens are checked as the issuer has them. One loop; no request waits for it.
//
// Keys come from a file, or by https: from a URL, or from the one that the issuer's document names (OpenID Connect
// Discovery 1.0). While the issuer is away, its keys stay trusted for stale_max.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "base/loop.h"
#include "base/result.h"
#include "base/wakeup.h"
#include "http/client.h"
#include "http/tokens/access_tokens.h"
#include "observe/process_context.h"

namespace ledgerline::http {

struct IssuerSource {
    std::string issuer;
    std::string keys;     // a URL or a path; "": where the issuer's document says
    std::string ca_file;  // whom to trust instead of the system's authorities; "": those

    // Error bad_issuer (refuse), which names the flag: what is no https URL, except on this machine, or a file that is
    // no key set.
    Result<void> check() const;
    bool is_file() const;
};

class IssuerKeys {
public:
    static constexpr milliseconds refresh_pause{300'000};  // while all is well
    static constexpr milliseconds file_pause{5'000};       // between looks at a file
    static constexpr milliseconds retry_pause{10'000};     // after a failure; also the least time between two requests
    static constexpr milliseconds fetch_max{10'000};       // for one answer
    static constexpr std::chrono::hours stale_max{24};
    static constexpr std::size_t answer_bytes_max = 256 * 1024;

    // tokens and what the context refers to must outlive it.
    IssuerKeys(IssuerSource source, std::shared_ptr<AccessTokens> tokens, const ProcessContext& context);
    ~IssuerKeys();

    // Fetches at once, in the background. Repeatable, like stop().
    void start();
    void stop();

private:
    milliseconds step();
    Result<std::string> read();
    Result<std::string> fetch(const std::string& url);
    Result<std::string> keys_url();
    Result<void> take(std::string text);
    void give_up_stale();
    bool ask();

    const IssuerSource source_;
    const std::shared_ptr<AccessTokens> tokens_;
    const Clock& clock_;
    Wakeup wakeup_;
    LoopThread loop_;
    std::string text_;  // the key set in use; "": none
    SteadyTime read_at_;
    std::atomic<SteadyTime> asked_at_ = SteadyTime::min();
    bool away_ = false;
    std::atomic<bool> ending_ = false;
    std::mutex mutex_;
    Client* client_ = nullptr;  // the request under way; guarded by mutex_
};

}  // namespace ledgerline::http
