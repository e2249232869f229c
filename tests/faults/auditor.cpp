#include "faults/auditor.h"

#include <fmt/format.h>
#include <sodium.h>

#include <map>
#include <unordered_map>

#include "base/wakeup.h"

namespace ledgerline::test {
namespace {

constexpr milliseconds kStalled{60'000};
constexpr milliseconds kDrainMax{600'000};
constexpr milliseconds kLook{50};
constexpr milliseconds kVerify{120'000};
// A broken run has thousands of consequences; the first ones tell.
constexpr std::size_t kFindingsMax = 30;

std::string hex_sha256(const std::string& bytes) {
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    std::string text;
    for (const unsigned char byte : hash) text += fmt::format("{:02x}", byte);
    return text;
}

struct StoredTransaction {
    std::string id;
    std::string account_id;
    std::string key;
    std::int64_t amount_cents = 0;
    bool credit = true;
    std::int64_t lane = 0;
    std::int64_t seq = 0;
};

struct StoredOutcome {
    bool processed = false;
    std::int64_t balance_after_cents = 0;
    std::string failure_code;
};

class Audit {
public:
    Audit(const PostgresServer& server, const std::string& database, const std::vector<Evidence>& evidence,
          const Injected& injected)
        : connection_(server.connect(database)), evidence_(evidence), injected_(injected) {}

    void run() {
        take_evidence();
        read_accepted();
        read_outcomes();
        check_told();
        check_model();
        check_order();
        check_dead_letters();
    }

    std::vector<std::string> findings() const { return findings_; }
    void found(const std::string& text) {
        if (findings_.size() < kFindingsMax) findings_.push_back(text);
    }

private:
    db::Rows read(const char* name, const char* sql) {
        auto rows = connection_.query({name, sql});
        if (!rows) note(rows.error().message);
        LEDGERLINE_ASSERT(rows);
        return *std::move(rows);
    }

    void take_evidence() {
        for (const Evidence& client : evidence_) {
            for (const std::string& text : client.violations) found(text);
            for (const auto& [id, floor_cents] : client.floors_cents) floors_cents_[id] = floor_cents;
            for (const ToldTransaction& told : client.accepted) {
                if (!told_.try_emplace(told.key, told).second) found(told.key + " was told by two clients");
                if (!told_ids_.insert(told.id).second) found(told.id + " is the id of two keys");
            }
        }
    }

    void read_accepted() {
        const db::Rows rows = read("audit_accepted",
                                   "SELECT id::text, account_id::text, idempotency_key, amount_cents, type, lane, seq "
                                   "FROM accepted ORDER BY lane, seq");
        std::map<std::int64_t, std::int64_t> last_seq;
        for (std::size_t row = 0; row < rows.size(); ++row) {
            StoredTransaction stored{std::string(rows.text(row, 0)),
                                     std::string(rows.text(row, 1)),
                                     std::string(rows.text(row, 2)),
                                     rows.int64(row, 3),
                                     rows.text(row, 4) == "CREDIT",
                                     rows.int64(row, 5),
                                     rows.int64(row, 6)};
            if (stored.seq != ++last_seq[stored.lane])
                found(fmt::format("lane {} has a hole before seq {}", stored.lane, stored.seq));
            seqs_[stored.key] = stored.seq;
            accepted_.push_back(std::move(stored));
        }
    }

    void read_outcomes() {
        const db::Rows rows = read("audit_outcomes",
                                   "SELECT transaction_id::text, kind, balance_after_cents, coalesce(failure_code, '') "
                                   "FROM decisions WHERE kind <> 'PARKED'");
        for (std::size_t row = 0; row < rows.size(); ++row) {
            const StoredOutcome outcome{rows.text(row, 1) == "POSTED", rows.int64(row, 2),
                                        std::string(rows.text(row, 3))};
            if (!outcomes_.try_emplace(std::string(rows.text(row, 0)), outcome).second)
                found(fmt::format("{} has two outcomes", rows.text(row, 0)));
        }
    }

    // What was told is stored, once and as it was sent; and what is stored was told.
    void check_told() {
        std::size_t matched = 0;
        for (const StoredTransaction& stored : accepted_) {
            const auto told = told_.find(stored.key);
            if (told == told_.end()) {
                found("stored, but no client knows of it: " + stored.key);
                continue;
            }
            ++matched;
            const ToldTransaction& sent = told->second;
            if (sent.id != stored.id || sent.account_id != stored.account_id ||
                sent.amount_cents != stored.amount_cents || sent.credit != stored.credit)
                found(fmt::format("{} is stored otherwise than it was sent", stored.key));
        }
        if (matched < told_.size()) {
            for (const auto& [key, told] : told_)
                if (!seqs_.contains(key)) found("answered with 201 and not stored: " + key);
        }
        for (const Evidence& client : evidence_)
            for (const std::string& key : client.refused_keys)
                if (seqs_.contains(key)) found("refused and stored: " + key);
    }

    // The posting rule once more: a debit that would cross the floor fails and changes nothing.
    void check_model() {
        std::map<std::string, std::int64_t> balances;
        for (const StoredTransaction& stored : accepted_) {
            const auto outcome = outcomes_.find(stored.id);
            if (is_poisoned(stored.key)) {
                ++poisoned_;
                if (outcome != outcomes_.end()) found("poisoned and yet decided: " + stored.key);
                continue;
            }
            if (outcome == outcomes_.end()) {
                found(fmt::format("undecided: {} (lane {}, seq {})", stored.key, stored.lane, stored.seq));
                continue;
            }
            std::int64_t& balance = balances[stored.account_id];
            const std::int64_t next = balance + (stored.credit ? stored.amount_cents : -stored.amount_cents);
            const bool covered = stored.credit || next >= floors_cents_[stored.account_id];
            if (covered) balance = next;
            const StoredOutcome& said = outcome->second;
            if (said.processed != covered || (covered && said.balance_after_cents != balance))
                found(fmt::format("{} ended {} with balance {}, by the model {} with {}", stored.key,
                                  said.processed ? "PROCESSED" : "FAILED", said.balance_after_cents,
                                  covered ? "PROCESSED" : "FAILED", balance));
            if (!said.processed && said.failure_code != "insufficient_balance")
                found(fmt::format("{} failed for {}", stored.key, said.failure_code));
            if (said.processed && said.balance_after_cents < floors_cents_[stored.account_id])
                found(stored.key + " took the balance below the floor");
        }
        if (outcomes_.size() + poisoned_ > accepted_.size()) found("there are outcomes of nothing that was accepted");
        check_balances(balances);
    }

    void check_balances(const std::map<std::string, std::int64_t>& balances) {
        const db::Rows rows = read("audit_balances", "SELECT id::text, balance_cents FROM accounts");
        for (std::size_t row = 0; row < rows.size(); ++row) {
            const std::string id(rows.text(row, 0));
            const auto expected = balances.find(id);
            const std::int64_t cents = expected == balances.end() ? 0 : expected->second;
            if (rows.int64(row, 1) != cents)
                found(fmt::format("account {} has {}, by the model {}", id, rows.int64(row, 1), cents));
            if (!floors_cents_.contains(id)) found("an account that nobody opened: " + id);
        }
        if (rows.size() < floors_cents_.size()) found("an account that was opened is missing");
    }

    // An account that is used by one client alone, which waits for each answer, keeps that client's order.
    void check_order() {
        std::map<std::string, std::set<const Evidence*>> users;
        for (const Evidence& client : evidence_)
            for (const ToldTransaction& told : client.accepted) users[told.account_id].insert(&client);
        for (const Evidence& client : evidence_) {
            std::map<std::string, std::int64_t> last_seq;
            for (const ToldTransaction& told : client.accepted) {
                if (users[told.account_id].size() > 1 || !seqs_.contains(told.key)) continue;
                std::int64_t& last = last_seq[told.account_id];
                if (seqs_[told.key] <= last) found("accepted out of order: " + told.key);
                last = seqs_[told.key];
            }
        }
    }

    void check_dead_letters() {
        const db::Rows rows = read("audit_letters",
                                   "SELECT coalesce(t.idempotency_key, ''), d.state, encode(d.value_sha256, 'hex'), "
                                   "d.error_code FROM dead_letters d LEFT JOIN accepted t ON t.id = d.transaction_id");
        std::set<std::string> parked;
        std::map<std::string, std::int64_t> foreign;
        for (std::size_t row = 0; row < rows.size(); ++row) {
            const std::string key(rows.text(row, 0));
            if (key.empty()) {
                ++foreign[std::string(rows.text(row, 2))];
            } else if (!is_poisoned(key)) {
                found(fmt::format("a dead letter without poison: {} ({})", key, rows.text(row, 3)));
            } else if (!parked.insert(key).second) {
                found("two dead letters of " + key);
            }
        }
        if (parked.size() != poisoned_)
            found(fmt::format("{} of {} poisoned transactions are parked", parked.size(), poisoned_));
        check_foreign(std::move(foreign));
    }

    void check_foreign(std::map<std::string, std::int64_t> letters) {
        for (const std::string& value : injected_.foreign)
            if (--letters[hex_sha256(value)] < 0) found("no dead letter of the foreign message " + value.substr(0, 80));
        std::map<std::string, std::int64_t> perhaps;
        for (const std::string& value : injected_.perhaps_foreign) ++perhaps[hex_sha256(value)];
        for (const auto& [hash, count] : letters)
            if (count > perhaps[hash]) found(fmt::format("{} foreign dead letters too many", count - perhaps[hash]));
    }

    static bool is_poisoned(const std::string& key) { return key.starts_with(poison_prefix); }

    db::Connection connection_;
    const std::vector<Evidence>& evidence_;
    const Injected& injected_;
    std::map<std::string, std::int64_t> floors_cents_;       // by account
    std::unordered_map<std::string, ToldTransaction> told_;  // by key
    std::set<std::string> told_ids_;
    std::vector<StoredTransaction> accepted_;                  // by lane and seq
    std::unordered_map<std::string, std::int64_t> seqs_;       // by key
    std::unordered_map<std::string, StoredOutcome> outcomes_;  // by transaction
    std::size_t poisoned_ = 0;
    std::vector<std::string> findings_;
};

// What is left to do, as a number that shrinks; 0 when every lane stands at its end.
std::int64_t backlog(db::Connection& connection) {
    const auto rows = connection.query(
        {"audit_backlog",
         "SELECT coalesce(sum(last_seq - applied_seq + last_seq - published_seq), 0)::bigint FROM lane_cursors"});
    return rows ? rows->int64(0, 0) : -1;
}

}  // namespace

bool wait_drained(const PostgresServer& server, const std::string& database) {
    auto connection = server.connect(database);
    const SteadyTime begun = SystemClock().steady_now();
    SteadyTime moved_at = begun;
    std::int64_t least = -1;
    while (true) {
        const std::int64_t left = backlog(connection);
        const SteadyTime now = SystemClock().steady_now();
        if (left == 0) return true;
        if (left >= 0 && (least < 0 || left < least)) {
            least = left;
            moved_at = now;
        }
        if (now - moved_at > kStalled || now - begun > kDrainMax) {
            note(fmt::format("not drained: {} steps left", left));
            return false;
        }
        Wakeup().wait(kLook);
    }
}

std::vector<std::string> audit(const PostgresServer& server, const std::string& database,
                               const std::vector<Evidence>& evidence, const Injected& injected) {
    const bool drained = wait_drained(server, database);
    // Messages that announce nothing move no cursor: letters are the only sign that they were read.
    eventually([&] {
        return std::stoull(server.value("SELECT count(*) FROM dead_letters WHERE transaction_id IS NULL", database)) >=
               injected.foreign.size();
    });
    Audit findings(server, database, evidence, injected);
    if (!drained) findings.found("the lanes do not drain");
    findings.run();

    Process verify("verify", {.arguments = {LEDGERLINE_PROGRAM, "verify", "--database-url", server.url(database)}});
    verify.start();
    const std::string outcome = verify.end(0, kVerify);
    if (outcome != "exit code 0") findings.found("ledgerline verify: " + outcome + "\n" + verify.tail());
    return findings.findings();
}

}  // namespace ledgerline::test
