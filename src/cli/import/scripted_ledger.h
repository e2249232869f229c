// For the tests of import: a server with the API calls that import uses, a ledger in memory, and faults on demand.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "http/server/listener.h"

namespace ledgerline::cli {

// What happens to one batch call.
enum class Fault {
    none,
    busy,          // 503, nothing is stored
    half_busy,     // each item in the second half gets a 503, and none of them is stored
    one_busy,      // one item in the middle gets a 503, and so do all later ones of its account, as the API promises
    one_too_many,  // the same with 429
    first_busy,    // the first item gets a 503, but later ones of its account are stored: a broken promise
    lost_answer,   // everything is stored, but a gateway answers 502
    thrown,        // everything is stored, but the answer is 500
    undecided,     // everything is stored, but nothing is decided before the answer
    unauthorized,  // 401
    one_too_few,   // everything is stored, but the last result is missing
    other_shape,   // nothing is stored, and the results are numbers
};

class ScriptedLedger {
public:
    ScriptedLedger() : metrics_("test"), listener_(config(), router_, {clock_, random_, ids_, metrics_}) {
        add("/v1/accounts", "create_account", &ScriptedLedger::create_account);
        add("/v1/transactions/batch", "post_batch", &ScriptedLedger::post_batch);
        if (const auto started = listener_.start(); !started) ADD_FAILURE() << started.error().message;
    }
    ~ScriptedLedger() { listener_.stop(milliseconds(5000)); }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(listener_.port()); }

    // For the next batch calls, in order.
    std::deque<Fault> faults;
    // References that become dead letters, that are always answered with 500, or that are known with another body.
    std::set<std::string> poisoned, broken, conflicting;
    // Called with the number of batch calls so far, before each is answered.
    std::function<void(int)> on_batch = [](int) {};

    std::map<std::string, std::int64_t> balances() {
        const std::lock_guard lock(mutex_);
        std::map<std::string, std::int64_t> balances;
        for (const auto& [reference, account] : accounts_) balances[reference] = account.balance_cents;
        return balances;
    }
    // References in the order they were accepted.
    std::map<std::string, std::vector<std::string>> order() {
        const std::lock_guard lock(mutex_);
        std::map<std::string, std::vector<std::string>> order;
        for (const auto& [reference, account] : accounts_) order[reference] = account.accepted;
        return order;
    }
    std::map<std::string, std::string> metadata() {
        const std::lock_guard lock(mutex_);
        return metadata_;
    }
    bool always_waited() {
        const std::lock_guard lock(mutex_);
        return always_waited_;
    }

private:
    struct Account {
        std::int64_t balance_cents = 0;
        std::vector<std::string> accepted;
        std::map<std::string, std::string> states;  // by key: PROCESSED or FAILED
    };
    using Call = http::Response (ScriptedLedger::*)(const http::Request&);

    static http::ListenerConfig config() {
        http::ListenerConfig config;
        config.port = 0;
        return config;
    }

    void add(const char* pattern, const char* name, Call call) {
        constexpr std::size_t kBodyBytesMax = 1024 * 1024;
        auto handler = [this, call](const http::Request& request) -> boost::asio::awaitable<http::Response> {
            co_return (this->*call)(request);
        };
        router_.add({"POST", pattern, name, std::move(handler), kBodyBytesMax, http::Scope::open});
    }

    static http::Response answer(int status, const json::Value& body) {
        http::Response response;
        response.status = status;
        response.body = json::serialize(body);
        return response;
    }
    static json::Value problem(const char* code) { return json::Object{{"code", code}, {"detail", "scripted"}}; }
    static std::string text(const json::Value& object, std::string_view name) {
        return *object.find(name)->if_string();
    }

    // An account's id is its reference with a prefix.
    http::Response create_account(const http::Request& request) {
        const std::lock_guard lock(mutex_);
        const json::Value body = *json::parse(request.body);
        const std::string reference = text(body, "reference");
        const bool is_new = accounts_.try_emplace(reference).second;
        json::Object fields = {{is_new ? "id" : "account_id", "id-" + reference}, {"code", "reference_taken"}};
        return answer(is_new ? 201 : 409, std::move(fields));
    }

    http::Response post_batch(const http::Request& request) {
        on_batch(++batches_);
        const std::lock_guard lock(mutex_);
        if (!request.header("prefer") || *request.header("prefer") != "wait=30") always_waited_ = false;
        Fault fault = Fault::none;
        if (!faults.empty()) fault = faults.front(), faults.pop_front();
        if (fault == Fault::busy) return answer(503, problem("overloaded"));
        if (fault == Fault::unauthorized) return answer(401, problem("unauthorized"));
        const json::Value body = *json::parse(request.body);
        const json::Array& items = *body.find("transactions")->if_array();
        json::Array results;
        for (std::size_t i = 0; i < items.size(); ++i) {
            const int refusal = refusal_of(fault, items, i);
            if (fault == Fault::other_shape)
                results.push_back(static_cast<int>(i));
            else if (refusal != 0)
                results.push_back(json::Object{{"status", refusal}, {"problem", problem("overloaded")}});
            else
                results.push_back(post(items[i], fault == Fault::undecided));
        }
        if (fault == Fault::thrown) throw std::runtime_error("no answer");
        if (fault == Fault::lost_answer) {
            http::Response gateway;
            gateway.status = 502;
            gateway.content_type = "text/html";
            gateway.body = "<h1>Bad gateway</h1>";
            return gateway;
        }
        if (fault == Fault::one_too_few) results.pop_back();
        return answer(200, json::Object{{"results", std::move(results)}});
    }

    // The status of an item that is not stored; 0 for the others.
    static int refusal_of(Fault fault, const json::Array& items, std::size_t i) {
        const std::size_t middle = items.size() / 2;
        const auto account = [&](std::size_t at) {
            return items[at].find("account_id") ? text(items[at], "account_id") : "";
        };
        const bool follows_middle = i >= middle && account(i) == account(middle);
        if (fault == Fault::half_busy && i >= middle) return 503;
        if (fault == Fault::one_busy && follows_middle) return 503;
        if (fault == Fault::one_too_many && follows_middle) return 429;
        return fault == Fault::first_busy && i == 0 ? 503 : 0;
    }

    // Who pays and who is paid; null for the outside world.
    std::pair<Account*, Account*> sides_of(const json::Value& item) {
        const auto account = [this](const json::Value& object, std::string_view member) {
            return object.find(member) ? &accounts_.at(text(object, member).substr(3)) : nullptr;
        };
        if (const json::Value* legs = item.find("legs")) {
            const json::Value& leg = legs->if_array()->front();
            return {account(leg, "from_account_id"), account(leg, "to_account_id")};
        }
        Account* only = account(item, "account_id");
        return text(item, "type") == "DEBIT" ? std::pair<Account*, Account*>(only, nullptr) : std::pair(nullptr, only);
    }

    json::Value post(const json::Value& item, bool undecided) {
        const std::string key = text(item, "idempotency_key");
        if (broken.contains(key)) return json::Object{{"status", 500}, {"problem", problem("internal_error")}};
        if (conflicting.contains(key))
            return json::Object{{"status", 422}, {"problem", problem("idempotency_key_reused")}};
        const auto [payer, payee] = sides_of(item);
        Account& owner = *(payer ? payer : payee);
        const auto [state, is_new] = owner.states.try_emplace(key, "PROCESSED");
        if (is_new) {
            for (Account* account : {payer, payee})
                if (account) account->accepted.push_back(key);
            if (const json::Value* found = item.find("metadata")) metadata_[key] = json::serialize(*found);
            const json::Value* legs = item.find("legs");
            const std::int64_t cents = *(legs ? legs->if_array()->front() : item).find("amount_cents")->if_int64();
            if (payer && cents > payer->balance_cents) {
                state->second = "FAILED";
            } else if (!poisoned.contains(key)) {
                if (payer) payer->balance_cents -= cents;
                if (payee) payee->balance_cents += cents;
            }
        }
        json::Object transaction = {{"status", undecided ? "PENDING" : state->second},
                                    {"dead_letter_id", json::Value()}};
        if (state->second == "FAILED" && !undecided) transaction.emplace_back("failure_code", "insufficient_balance");
        if (poisoned.contains(key) && !undecided)
            transaction = {{"status", "PROCESSING"}, {"dead_letter_id", "some letter"}};
        return json::Object{{"status", 201}, {"replayed", !is_new}, {"transaction", std::move(transaction)}};
    }

    std::mutex mutex_;
    std::map<std::string, Account> accounts_;
    std::map<std::string, std::string> metadata_;  // by key, as received
    bool always_waited_ = true;
    std::atomic<int> batches_ = 0;
    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
    Metrics metrics_;
    http::Router router_;
    http::Listener listener_;
};

}  // namespace ledgerline::cli
