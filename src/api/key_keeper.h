// KeyKeeper: keeps this process' keys as they are in the database, and writes down what the process knows of them: when
// they were last used, and who was not let in. One loop with one session; no request waits for it.
//
// Limits that all instances share are divided evenly among those that live: each renews its lease with every reading,
// and has the part that it knew of last.
//
// While the database is away the keys stay as they were last read, and so do the parts.
#pragma once

#include <map>
#include <string>

#include "base/loop.h"
#include "base/wakeup.h"
#include "db/session.h"
#include "http/server/api_keys.h"
#include "observe/process_context.h"
#include "sql/queries.h"

namespace ledgerline::api {

class KeyKeeper {
public:
    // How long a change made elsewhere may go unnoticed, and how long a use or a refusal unwritten.
    static constexpr milliseconds idle{1000};
    // A key that is used all the time is written down this often.
    static constexpr std::chrono::seconds use_written_every{60};

    // Arguments must outlive it.
    KeyKeeper(const db::ConnectionConfig& config, http::ApiKeys& keys, const ProcessContext& context);

    // Reads the keys, once, before anybody is let in; what cannot be read now is read later. Call once.
    void start();
    // Repeatable. What was refused until then is written down.
    void stop();
    // The keys have changed: reads them at once.
    void wake() { wakeup_.notify(); }

private:
    milliseconds step();
    Result<void> read();
    Result<void> lease_parts(const std::vector<sql::Tenant>& tenants);
    void leave();
    Result<void> write_uses();
    Result<void> write_refusals();

    http::ApiKeys& keys_;
    const Clock& clock_;
    UuidGenerator& ids_;
    const Uuid instance_;
    std::int64_t instances_ = 1;  // that live, as far as is known
    bool has_lease_ = false;
    db::Session session_;
    Wakeup wakeup_;
    LoopThread loop_;
    std::map<std::pair<std::string, int>, SteadyTime> written_;  // when each secret in use was last written as used
    std::vector<http::RefusedLogin> unwritten_;
    bool away_ = false;
    bool started_ = false;
    bool was_open_ = false;
};

}  // namespace ledgerline::api
