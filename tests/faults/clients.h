// Clients: what callers of the API do in a fault test, and what they remember of it.
//
// Each client keeps at it until it has a definite answer: it begins at any of the API's processes, and repeats the
// request at the next one, with the same idempotency key, whenever the answer is missing, unknown or "later". What it
// was told is the auditor's evidence.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "faults/sent.h"
#include "http/client.h"
#include "lab/process.h"

namespace ledgerline::test {

inline constexpr milliseconds request_timeout{12'000};   // longer than the API's own
inline constexpr milliseconds definite_within{180'000};  // of one request, however often it is repeated

// How clients fared; counted while they run. Thread-safe.
struct LoadCounters {
    std::atomic<std::int64_t> offered = 0;   // transactions, counted at every try
    std::atomic<std::int64_t> accepted = 0;  // transactions
    std::atomic<std::int64_t> early = 0;     // requests refused with 429 or 503 overloaded
    std::atomic<std::int64_t> later = 0;     // requests refused with another 503
    std::atomic<std::int64_t> unknown = 0;   // requests without an answer, or with outcome_unknown
    std::atomic<std::int64_t> unreachable = 0;
};

struct ClientPlan {
    std::vector<std::uint16_t> ports{};  // of the API's processes
    std::uint64_t seed = 1;
    std::string name = "c";  // begins every idempotency key: another one for each load on the same accounts
    int accounts = 4;        // that each client opens for itself
    int batch_items_max = 10;
    int batch_percent = 20;     // of requests
    int transfer_percent = 30;  // of transactions
    int chained_percent = 10;   // of a batch's items: follow the item before them
    int hold_percent = 8;       // of requests: a hold, some of a second or two
    int settled_percent = 15;   // of requests: a hold is captured or released, or a transaction reversed
    int floor_percent = 2;      // of requests: an account of its own gets another floor
    int repeated_percent = 8;   // of requests: an old key again, with the same or another body
    int refused_percent = 4;    // of requests: wrong on purpose
    int poisoned_percent = 0;   // of transactions
    milliseconds pause{20};     // between requests
    // False: a request that was refused with 429 or 503 is given up, unless it may have been accepted by then.
    bool insist = true;
};

// Not thread-safe.
class Client {
public:
    Client(ClientPlan plan, int number, LoadCounters& counters);

    // Opens its accounts, with random floors.
    void open_accounts();
    // From now on also uses accounts that others opened.
    void share_accounts(std::vector<std::string> ids) { shared_ = std::move(ids); }
    // One request of any kind.
    void step();
    // One transaction of an account, until its answer is definite.
    void post(const std::string& account_id, std::int64_t amount_cents, bool credit, bool poisoned = false);
    // An account of its own that nothing else in the load touches.
    std::string open_account(std::int64_t floor_cents);

    const std::string& own_account() const { return own_.front(); }
    const Evidence& evidence() const { return evidence_; }
    // How long each answered request took, from its first try to its definite answer.
    const std::vector<milliseconds>& latencies() const { return latencies_; }

private:
    // Of one transaction, as far as it is known.
    enum class Verdict { accepted, refused, later };

    SentTransaction random_item();
    std::string next_key(bool poisoned);
    // may_be_refused: for the state of what it is about.
    void send_single(const SentTransaction& item, bool may_be_refused = false);
    void send_batch();
    void send_repeated();
    void send_wrong();
    void send_hold();
    void send_settlement();
    void send_floor();
    const ToldTransaction* random_known();
    // The response of one try; nothing when none came or it says no more than "later".
    std::optional<http::ClientResponse> try_once(const std::string& target, const std::string& body,
                                                 const std::string& method);
    // Tries until a response is definite; nothing, and a violation, when that takes too long.
    std::optional<http::ClientResponse> insist(const std::string& target, const std::string& body,
                                               const std::string& method = "POST");
    Verdict judge(const SentTransaction& item, int status, const json::Value& document);
    void remember(const SentTransaction& item, const json::Value& transaction);
    void violation(const std::string& text);
    void back_off(int tries);
    bool may_give_up() const { return !plan_.insist && !fate_unknown_; }

    const ClientPlan plan_;
    const int number_;
    LoadCounters& counters_;
    SeededRandom random_;
    std::size_t port_;
    std::vector<http::Client> apis_;
    std::vector<std::string> own_;
    std::vector<std::string> shared_;
    std::int64_t next_key_ = 0;
    std::map<std::string, ToldTransaction> by_key_;  // of those that may be repeated
    bool fate_unknown_ = false;                      // of the request under way, at any of its tries
    Evidence evidence_;
    std::vector<milliseconds> latencies_;
};

// Clients at work, each on a thread of its own.
class Load {
public:
    Load(const ClientPlan& plan, int clients);
    ~Load() { stop(); }

    // Opens the accounts: every client's own ones, and two of each that all use. start() then sets the clients to work
    // until stop(), which lets each settle its last request.
    void prepare();
    void start();
    void stop();

    // Waits until so many more transactions were accepted than when it was called.
    bool wait_accepted(std::int64_t more, milliseconds at_most = patience) const;

    const LoadCounters& counters() const { return counters_; }
    // After stop().
    std::vector<Evidence> evidence() const;
    milliseconds latency_percentile(double fraction) const;
    // For transactions that the test itself posts before start() or after stop().
    Client& client(std::size_t number) { return *clients_[number]; }

private:
    LoadCounters counters_;
    std::vector<std::unique_ptr<Client>> clients_;
    const milliseconds pause_;
    std::atomic<bool> stopping_ = false;
    std::vector<std::jthread> threads_;
};

}  // namespace ledgerline::test
