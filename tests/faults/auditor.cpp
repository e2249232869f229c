#include "faults/auditor.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/wakeup.h"
#include "faults/model.h"

namespace ledgerline::test {
namespace {

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

using Place = std::pair<std::int64_t, std::int64_t>;  // lane and seq

struct StoredOutcome {
    bool processed = false;
    std::int64_t balance_after_cents = 0;
    std::int64_t held_after_cents = 0;
    std::string failure_code;
};

// An account's floor from the place after seq on.
struct FloorChange {
    std::int64_t seq = 0;
    std::int64_t floor_cents = 0;
};

constexpr std::string_view kExpiryPrefix = "expire:";  // of the keys of releases that nobody sent

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
        const db::Rows rows = read(
            "audit_accepted",
            "SELECT id::text, type, account_id::text, coalesce(legs -> 0 ->> 'to_account_id', ''), idempotency_key, "
            "coalesce(parent_id::text, ''), coalesce(previous_id::text, ''), amount_cents, "
            "coalesce((terms ->> 'final')::boolean, true)::text, (extract(epoch FROM created_at) * 1000000)::bigint, "
            "coalesce((terms ->> 'expires_at')::bigint, (extract(epoch FROM created_at) * 1000000)::bigint + "
            "coalesce((terms ->> 'expires_in_s')::bigint, 0) * 1000000) FROM accepted");
        for (std::size_t row = 0; row < rows.size(); ++row) {
            const auto text = [&](int column) { return std::string(rows.text(row, column)); };
            StoredTransaction stored{text(0),
                                     text(1),
                                     text(2),
                                     text(3),
                                     text(4),
                                     text(5),
                                     text(6),
                                     rows.int64(row, 7),
                                     text(8) == "true",
                                     rows.int64(row, 9),
                                     rows.int64(row, 10)};
            if (stored.to_account_id == stored.account_id) stored.to_account_id.clear();  // paid by the outside world
            ids_[stored.key] = stored.id;
            accepted_.emplace(stored.id, std::move(stored));
        }
        read_places();
        read_floors();
    }

    void read_floors() {
        const db::Rows rows = read("audit_floors",
                                   "SELECT account_id::text, applied_seq, (after ->> 'min_balance_cents')::bigint FROM "
                                   "account_changes WHERE after ? 'min_balance_cents' ORDER BY account_id, number");
        for (std::size_t row = 0; row < rows.size(); ++row)
            floor_changes_[std::string(rows.text(row, 0))].push_back({rows.int64(row, 1), rows.int64(row, 2)});
    }

    // Its accounts all have a place; if it follows a transaction on other ones, one of those as well, for the order.
    bool has_its_places(const StoredTransaction& stored) {
        std::set<std::string> missing{stored.account_id};
        if (!stored.to_account_id.empty()) missing.insert(stored.to_account_id);
        std::set<std::string> further;
        for (const auto& [account, seq] : seqs_[stored.id])
            if (missing.erase(account) == 0) further.insert(account);
        if (!missing.empty() || further.size() > 1) return false;
        if (stored.previous_id.empty()) return further.empty();
        const auto& before = seqs_[stored.previous_id];
        const auto is_before = [&](const auto& place) { return before.contains(place.first); };
        return std::ranges::any_of(seqs_[stored.id], is_before) &&
               std::ranges::all_of(further, [&](const std::string& account) { return before.contains(account); });
    }

    // Those given at intake. The others are of replays, which no load makes.
    void read_places() {
        const db::Rows rows = read("audit_places",
                                   "SELECT transaction_id::text, account_id::text, lane, seq FROM lane_places "
                                   "WHERE dead_letter_id IS NULL ORDER BY lane, seq");
        for (std::size_t row = 0; row < rows.size(); ++row) {
            const std::string id(rows.text(row, 0));
            const std::int64_t lane = rows.int64(row, 2), seq = rows.int64(row, 3);
            lanes_[lane].push_back(id);
            if (seq != std::ssize(lanes_[lane])) found(fmt::format("lane {} has a hole before seq {}", lane, seq));
            places_[id].emplace(lane, seq);
            seqs_[id][std::string(rows.text(row, 1))] = seq;
        }
        for (const auto& [id, stored] : accepted_)
            if (!has_its_places(stored)) found(fmt::format("{} has {} places", stored.key, seqs_[id].size()));
    }

    void read_outcomes() {
        const db::Rows rows =
            read("audit_outcomes",
                 "SELECT transaction_id::text, kind, balance_after_cents, coalesce(failure_code, ''), "
                 "account_id::text, held_after_cents FROM decisions WHERE kind <> 'PARKED'");
        for (std::size_t row = 0; row < rows.size(); ++row) {
            const StoredOutcome outcome{rows.text(row, 1) == "POSTED", rows.int64(row, 2), rows.int64(row, 5),
                                        std::string(rows.text(row, 3))};
            auto& of_transaction = outcomes_[std::string(rows.text(row, 0))];
            if (!of_transaction.try_emplace(std::string(rows.text(row, 4)), outcome).second)
                found(fmt::format("{} has two outcomes", rows.text(row, 0)));
        }
    }

    // What was told is stored, once and as it was sent; and what is stored was told.
    void check_told() {
        std::size_t matched = 0;
        for (const auto& [id, stored] : accepted_) {
            const auto told = told_.find(stored.key);
            if (told == told_.end()) {
                if (!is_expiry(stored)) found("stored, but no client knows of it: " + stored.key);
                continue;
            }
            ++matched;
            if (!is_as_sent(stored, told->second))
                found(fmt::format("{} is stored otherwise than it was sent: {} of {} from {} to {}, about {}, not {}",
                                  stored.key, stored.type, stored.amount_cents, stored.account_id, stored.to_account_id,
                                  stored.parent_id, told->second.body()));
        }
        if (matched < told_.size()) {
            for (const auto& [key, told] : told_)
                if (!ids_.contains(key)) found("answered with 201 and not stored: " + key);
        }
        for (const Evidence& client : evidence_)
            for (const std::string& key : client.refused_keys)
                if (ids_.contains(key)) found("refused and stored: " + key);
    }

    bool is_as_sent(const StoredTransaction& stored, const ToldTransaction& sent) {
        const std::string previous = sent.previous_key.empty() ? "" : ids_[sent.previous_key];
        return sent.id == stored.id && sent.type == stored.type && sent.account_id == stored.account_id &&
               (sent.amount_cents == stored.amount_cents || sent.type == "RELEASE") &&
               sent.to_account_id == stored.to_account_id && sent.parent_id == stored.parent_id &&
               previous == stored.previous_id && sent.final == stored.final;
    }

    // The release of a hold whose time has come.
    bool is_expiry(const StoredTransaction& stored) const {
        const auto hold = accepted_.find(stored.parent_id);
        return stored.type == "RELEASE" && stored.key == std::string(kExpiryPrefix) + stored.parent_id &&
               hold != accepted_.end() && stored.accepted_at_us >= hold->second.expires_at_us;
    }

    // Takes the lanes from their beginnings: a transaction's turn has come when it is next in all its lanes.
    void check_model() {
        model_.floors_cents = floors_cents_;
        std::map<std::int64_t, std::size_t> done;
        std::set<std::int64_t> due;
        for (const auto& [lane, places] : lanes_) due.insert(lane);
        std::size_t decided = 0;
        while (!due.empty()) {
            const std::int64_t lane = *due.begin();
            due.erase(due.begin());
            if (done[lane] == lanes_[lane].size()) continue;
            const std::string& id = lanes_[lane][done[lane]];
            if (!is_next_everywhere(id, done)) continue;
            if (const auto stored = accepted_.find(id); stored != accepted_.end()) {
                check_outcome(stored->second);
                ++decided;
            } else {
                found(fmt::format("lane {} has a place of {}, which was never accepted", lane, id));
            }
            for (const auto& [at, seq] : places_[id]) {
                ++done[at];
                due.insert(at);
            }
        }
        if (decided != accepted_.size()) found("transactions wait for one another in a circle");
        if (outcomes_.size() + poisoned_ > accepted_.size()) found("there are outcomes of nothing that was accepted");
        check_balances();
    }

    bool is_next_everywhere(const std::string& id, std::map<std::int64_t, std::size_t> done) {
        return std::ranges::all_of(places_[id], [&](const auto& place) {
            return static_cast<std::size_t>(place.second) == ++done[place.first];
        });
    }

    void check_outcome(const StoredTransaction& stored) {
        const auto outcome = outcomes_.find(stored.id);
        if (is_poisoned(stored.key)) {
            ++poisoned_;
            model_.leave_open(stored);
            if (outcome != outcomes_.end()) found("poisoned and yet decided: " + stored.key);
            return;
        }
        const auto& places = seqs_[stored.id];
        for (const auto& [account, seq] : places) change_floor(account, seq);
        const std::string refusal = model_.decide(stored);
        if (outcome == outcomes_.end() || outcome->second.size() != places.size())
            return found(fmt::format("undecided: {}", stored.key));
        for (const auto& [account, seq] : places) check_said(stored, account, refusal, outcome->second[account]);
    }

    void change_floor(const std::string& account, std::int64_t seq) {
        auto& changes = floor_changes_[account];
        for (; !changes.empty() && changes.front().seq < seq; changes.erase(changes.begin()))
            model_.floors_cents[account] = changes.front().floor_cents;
    }

    void check_said(const StoredTransaction& stored, const std::string& account, const std::string& refusal,
                    const StoredOutcome& said) {
        const std::int64_t balance = model_.balances_cents[account], held = model_.held_cents[account];
        if (said.processed != refusal.empty() || said.balance_after_cents != balance || said.held_after_cents != held)
            found(fmt::format("{} ended {} with balance {} and {} held, by the model {} with {} and {}", stored.key,
                              said.processed ? "PROCESSED" : "FAILED", said.balance_after_cents, said.held_after_cents,
                              refusal.empty() ? "PROCESSED" : "FAILED", balance, held));
        if (said.failure_code != refusal)
            found(fmt::format("{} failed for '{}', by the model for '{}'", stored.key, said.failure_code, refusal));
    }

    void check_balances() {
        const db::Rows rows = read("audit_balances", "SELECT id::text, balance_cents, held_cents FROM accounts");
        for (std::size_t row = 0; row < rows.size(); ++row) {
            const std::string id(rows.text(row, 0));
            const std::int64_t balance = model_.balances_cents[id], held = model_.held_cents[id];
            if (rows.int64(row, 1) != balance || rows.int64(row, 2) != held)
                found(fmt::format("account {} has {} and holds {}, by the model {} and {}", id, rows.int64(row, 1),
                                  rows.int64(row, 2), balance, held));
            if (!floors_cents_.contains(id)) found("an account that nobody opened: " + id);
        }
        if (rows.size() < floors_cents_.size()) found("an account that was opened is missing");
    }

    // An account that is used by one client alone, which waits for each answer, keeps that client's order.
    void check_order() {
        std::map<std::string, std::set<const Evidence*>> users;
        for (const Evidence& client : evidence_)
            for (const ToldTransaction& told : client.accepted)
                for (const std::string& account : {told.account_id, told.to_account_id}) users[account].insert(&client);
        for (const Evidence& client : evidence_) {
            std::map<std::string, std::int64_t> last_seq;
            for (const ToldTransaction& told : client.accepted)
                for (const std::string& account : {told.account_id, told.to_account_id}) {
                    if (account.empty() || users[account].size() > 1 || !ids_.contains(told.key)) continue;
                    const std::int64_t seq = seqs_[ids_[told.key]][account];
                    if (seq <= std::exchange(last_seq[account], seq)) found("accepted out of order: " + told.key);
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
    std::unordered_map<std::string, StoredTransaction> accepted_;                // by id
    std::unordered_map<std::string, std::string> ids_;                           // by key
    std::map<std::int64_t, std::vector<std::string>> lanes_;                     // transactions in the order of seqs
    std::unordered_map<std::string, std::set<Place>> places_;                    // by transaction
    std::unordered_map<std::string, std::map<std::string, std::int64_t>> seqs_;  // by transaction and account
    std::unordered_map<std::string, std::map<std::string, StoredOutcome>> outcomes_;  // the same
    std::unordered_map<std::string, std::vector<FloorChange>> floor_changes_;         // by account, those to come
    Model model_;
    std::size_t poisoned_ = 0;
    std::vector<std::string> findings_;
};

// What is left to do, as a number that shrinks; 0 when every lane stands at its end. A hold that is about to expire is
// a step too: its release would be accepted while the audit reads.
std::int64_t backlog(db::Connection& connection) {
    const auto rows = connection.query(
        {"audit_backlog",
         "SELECT coalesce(sum(last_seq - applied_seq + last_seq - published_seq), 0)::bigint + "
         "(SELECT count(*) FROM due_holds WHERE expires_at < now() + interval '1 minute') FROM lane_cursors"});
    return rows ? rows->int64(0, 0) : -1;
}

}  // namespace

bool wait_drained(const PostgresServer& server, const std::string& database, milliseconds stuck) {
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
        if (now - moved_at > stuck || now - begun > kDrainMax) {
            note(fmt::format("not drained: {} steps left", left));
            return false;
        }
        Wakeup().wait(kLook);
    }
}

std::vector<std::string> audit(const PostgresServer& server, const std::string& database,
                               const std::vector<Evidence>& evidence, const Injected& injected, milliseconds stuck) {
    const bool drained = wait_drained(server, database, stuck);
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
