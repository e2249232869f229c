// Certificates: what the API's port shows, from files that may change while the process runs.
#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "base/loop.h"
#include "http/server/listener.h"
#include "observe/process_context.h"
#include "roles/rights.h"
#include "roles/settings.h"

namespace ledgerline::roles {

// The files of the settings; empty when there are none. Refuses (bad_usage) flags that do not fit one another, files
// that cannot be used and a key that everybody can read.
Result<http::TlsFiles> checked_tls_files(const TlsSettings& settings, const Clock& clock);

// They are read again while the role runs.
void add_files(const TlsSettings& settings, RightsPlan& plan);

// A certificate that signs itself, for localhost and host, and its key, which only this user can read, in directory.
// Those of an earlier run are taken as long as they are good for another day. Error no_space (retry).
Result<http::TlsFiles> self_signed_files(const std::filesystem::path& directory, const std::string& host,
                                         const Clock& clock);

class Certificates {
public:
    // How often the files are looked at. They are read once they have changed and then stayed the same for as long:
    // certificate and key are two files.
    static constexpr milliseconds look_pause{1000};

    // All of them must outlive it.
    Certificates(http::TlsFiles files, http::Listener& listener, const ProcessContext& context);

    // From now on the listener shows what is in the files. Error bad_usage as in checked_tls_files(); then it shows
    // what it did before. Thread-safe.
    Result<void> load();
    // The same, with the failure in the log.
    void reload();
    // Follows the files; repeatable.
    void start() { loop_.start(); }
    void stop() { loop_.stop(); }

private:
    // What tells one state of the files from another.
    using Stamp = std::vector<std::string>;
    Stamp stamp() const;
    void look();

    const http::TlsFiles files_;
    http::Listener& listener_;
    const ProcessContext& context_;
    std::mutex mutex_;
    Stamp loaded_, seen_;  // guarded by mutex_
    Wakeup wakeup_;
    LoopThread loop_;
};

}  // namespace ledgerline::roles
