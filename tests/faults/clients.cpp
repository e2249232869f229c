#include "faults/clients.h"

#include <fmt/format.h>

#include <algorithm>

namespace ledgerline::test {
namespace {

constexpr int kPercent = 100;
constexpr std::uint64_t kAmountMax = 500;
constexpr std::int64_t kFloorsCents[] = {0, 0, -1'000, -100'000};
constexpr int kSharedOfEach = 2;
constexpr milliseconds kBackoffMin{10};
constexpr milliseconds kBackoffMax{300};

const json::Value& member(const json::Value& value, std::string_view name) {
    static const json::Value none;
    const json::Value* found = value.find(name);
    return found ? *found : none;
}

std::string text_of(const json::Value& value) { return value.if_string() ? *value.if_string() : ""; }

json::Value parse(const std::string& body) {
    auto parsed = json::parse(body);
    return parsed ? *std::move(parsed) : json::Value();
}

// A batch of which no item was accepted and none may have been: told from its text, because clients that give up are
// many and in a hurry.
bool is_refused_whole(const http::ClientResponse& response) {
    return response.body.contains("\"overloaded\"") && !response.body.contains("\"status\":201") &&
           !response.body.contains("\"outcome_unknown\"");
}

bool is_later(int status) { return status == 503 || status == 429; }

}  // namespace

Client::Client(ClientPlan plan, int number, LoadCounters& counters)
    : plan_(std::move(plan)),
      number_(number),
      counters_(counters),
      random_(plan_.seed * 1'000 + static_cast<std::uint64_t>(number)),
      port_(static_cast<std::size_t>(number) % plan_.ports.size()) {
    for (const std::uint16_t port : plan_.ports)
        apis_.emplace_back(http::BaseUrl{.host = "127.0.0.1", .port = port, .prefix = ""});
}

void Client::open_accounts() {
    for (int i = 0; i < plan_.accounts; ++i)
        own_.push_back(open_account(kFloorsCents[random_.below(std::size(kFloorsCents))]));
}

// A reference makes the opening repeatable: when it is taken, the account is ours.
std::string Client::open_account(std::int64_t floor_cents) {
    const auto response = insist(
        "/v1/accounts", fmt::format(R"({{"currency":"{}","reference":"{}-{}-{}","min_balance_cents":{}}})",
                                    load_currency, plan_.name, number_, evidence_.floors_cents.size(), floor_cents));
    const json::Value document = response ? parse(response->body) : json::Value();
    const std::string id = text_of(member(document, "id")) + text_of(member(document, "account_id"));
    if (id.empty()) violation("an account cannot be opened: " + json::serialize(document));
    evidence_.floors_cents[id] = floor_cents;
    return id;
}

void Client::step() {
    fate_unknown_ = false;
    port_ = random_.below(apis_.size());
    const auto dice = static_cast<int>(random_.below(kPercent));
    const std::pair<int, void (Client::*)()> kinds[] = {
        {plan_.batch_percent, &Client::send_batch},        {plan_.repeated_percent, &Client::send_repeated},
        {plan_.refused_percent, &Client::send_wrong},      {plan_.hold_percent, &Client::send_hold},
        {plan_.settled_percent, &Client::send_settlement}, {plan_.floor_percent, &Client::send_floor}};
    int below = 0;
    for (const auto& [percent, send] : kinds) {
        below += percent;
        if (dice < below) return (this->*send)();
    }
    send_single(random_item());
}

void Client::post(const std::string& account_id, std::int64_t amount_cents, bool credit, bool poisoned) {
    fate_unknown_ = false;
    send_single({credit ? "CREDIT" : "DEBIT", account_id, next_key(poisoned), amount_cents});
}

std::string Client::next_key(bool poisoned) {
    return fmt::format("{}{}-{}-{}", poisoned ? poison_prefix : "", plan_.name, number_, next_key_++);
}

// Every third one moves money of an account that all clients use.
SentTransaction Client::random_item() {
    const bool shared = !shared_.empty() && random_.below(3) == 0;
    const auto& accounts = shared ? shared_ : own_;
    const bool poisoned = random_.below(kPercent) < static_cast<std::uint64_t>(plan_.poisoned_percent);
    SentTransaction item{random_.below(2) == 0 ? "CREDIT" : "DEBIT", accounts[random_.below(accounts.size())],
                         next_key(poisoned), static_cast<std::int64_t>(1 + random_.below(kAmountMax))};
    if (random_.below(kPercent) >= static_cast<std::uint64_t>(plan_.transfer_percent)) return item;
    const auto& others = shared_.empty() || random_.below(2) == 0 ? own_ : shared_;
    const std::string& to = others[random_.below(others.size())];
    if (to == item.account_id) return item;
    item.to_account_id = to;
    item.type = "TRANSFER";
    return item;
}

void Client::send_single(const SentTransaction& item, bool may_be_refused) {
    const SteadyTime begun = SystemClock().steady_now();
    ++counters_.offered;
    const auto response = insist(item.path(), item.body());
    if (!response) {
        evidence_.refused_keys.insert(item.key);
        return;
    }
    latencies_.push_back(std::chrono::duration_cast<milliseconds>(SystemClock().steady_now() - begun));
    if (judge(item, response->status, parse(response->body)) != Verdict::refused) return;
    if (may_be_refused && (response->status == 409 || response->status == 422))
        evidence_.refused_keys.insert(item.key);
    else
        violation(fmt::format("{} was refused with {}: {}", item.key, response->status, response->body));
}

// The whole batch is sent again until each item has a definite answer: items keep their order so.
void Client::send_batch() {
    std::vector<SentTransaction> items(1 + random_.below(static_cast<std::uint64_t>(plan_.batch_items_max)));
    std::string body = R"({"transactions":[)";
    for (std::size_t i = 0; i < items.size(); ++i) {
        items[i] = random_item();
        const bool follows = random_.below(kPercent) < static_cast<std::uint64_t>(plan_.chained_percent);
        if (follows && i > 0) items[i].previous_key = items[i - 1].key;
        body += (i > 0 ? "," : "") + items[i].body();
    }
    body += "]}";

    const SteadyTime begun = SystemClock().steady_now();
    std::vector<Verdict> verdicts(items.size(), Verdict::later);
    for (int tries = 0; std::ranges::count(verdicts, Verdict::later) > 0; ++tries) {
        counters_.offered += std::ssize(items);
        const auto response = insist("/v1/transactions/batch", body);
        if (!response) break;
        if (is_refused_whole(*response) && may_give_up()) {
            ++counters_.early;
            break;
        }
        const json::Value document = parse(response->body);
        const json::Array* results = member(document, "results").if_array();
        if (response->status != 200 || !results || results->size() != items.size())
            return violation(fmt::format("a batch was answered with {}: {}", response->status, response->body));
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (verdicts[i] != Verdict::later) continue;
            const auto status = static_cast<int>(member((*results)[i], "status").if_int64().value_or(0));
            verdicts[i] = judge(items[i], status, member((*results)[i], status == 201 ? "transaction" : "problem"));
            if (verdicts[i] == Verdict::refused)
                violation(fmt::format("{} was refused: {}", items[i].key, json::serialize((*results)[i])));
        }
        if (std::ranges::count(verdicts, Verdict::later) == 0) break;
        if (response->body.contains("\"overloaded\"")) ++counters_.early;
        if (response->body.contains("\"outcome_unknown\"")) fate_unknown_ = true;
        if (may_give_up()) break;
        if (SystemClock().steady_now() - begun > definite_within)
            return violation("a batch has no definite answer: " + items.front().key);
        back_off(tries);
    }
    for (std::size_t i = 0; i < items.size(); ++i)
        if (verdicts[i] == Verdict::later) evidence_.refused_keys.insert(items[i].key);
    latencies_.push_back(std::chrono::duration_cast<milliseconds>(SystemClock().steady_now() - begun));
}

// A transaction that this client was told of; null if there is none, or if it can only be sent in its batch.
const ToldTransaction* Client::random_known() {
    if (by_key_.empty()) return nullptr;
    auto known = by_key_.begin();
    std::advance(known, static_cast<std::ptrdiff_t>(random_.below(by_key_.size())));
    return known->second.previous_key.empty() ? &known->second : nullptr;
}

// A key that is known already, with its own body or with another one.
void Client::send_repeated() {
    const ToldTransaction* told = random_known();
    if (!told) return;
    SentTransaction item = static_cast<const SentTransaction&>(*told);
    const bool same = !item.parent_id.empty() || random_.below(2) == 0;
    if (!same) ++item.amount_cents;
    const auto response = insist(item.path(), item.body());
    if (!response) return;
    if (!same) {
        if (response->status != 422) violation(fmt::format("{} reused: {}", item.key, response->body));
        return;
    }
    if (judge(item, response->status, parse(response->body)) != Verdict::accepted)
        violation(fmt::format("{} repeated: {} {}", item.key, response->status, response->body));
}

void Client::send_hold() {
    SentTransaction hold{"HOLD", own_[random_.below(own_.size())], next_key(false),
                         static_cast<std::int64_t>(1 + random_.below(kAmountMax))};
    hold.expires_in_s = random_.below(4) == 0 ? static_cast<int>(1 + random_.below(2)) : 3'600;
    send_single(hold);
}

// What became of the transaction that it is about may refuse it, at once or when it is decided.
void Client::send_settlement() {
    const ToldTransaction* about = random_known();
    if (!about) return;
    SentTransaction item{"REVERSAL", about->account_id, next_key(false),
                         static_cast<std::int64_t>(1 + random_.below(static_cast<std::uint64_t>(about->amount_cents)))};
    item.parent_id = about->id;
    if (about->type == "HOLD") {
        item.type = random_.below(4) == 0 ? "RELEASE" : "CAPTURE";
        if (item.type == "CAPTURE") item.final = random_.below(2) == 0;
        const std::string& payee = own_[random_.below(own_.size())];
        if (item.type == "CAPTURE" && payee != item.account_id) item.to_account_id = payee;
    } else if (!about->is_reversible()) {
        return;
    } else if (!about->to_account_id.empty()) {
        item.account_id = about->to_account_id;
        item.to_account_id = about->account_id;
    }
    send_single(item, true);
}

void Client::send_floor() {
    const std::string& account = own_[random_.below(own_.size())];
    const std::int64_t floor_cents = kFloorsCents[random_.below(std::size(kFloorsCents))];
    const auto response = insist("/v1/accounts/" + account,
                                 fmt::format(R"({{"min_balance_cents":{},"reason":"load"}})", floor_cents), "PATCH");
    if (response && response->status != 200)
        violation(fmt::format("a floor was refused with {}: {}", response->status, response->body));
}

void Client::send_wrong() {
    SentTransaction item = random_item();
    const char* currency = load_currency;
    int expected = 400;
    switch (random_.below(3)) {
        case 0:
            item.amount_cents = -item.amount_cents;
            break;
        case 1:
            currency = "USD";
            expected = 422;
            break;
        default:
            item.account_id = "00000000-0000-7000-8000-000000000000";
            expected = 404;
    }
    const auto response = insist(item.path(), item.body(currency));
    if (!response) return;
    evidence_.refused_keys.insert(item.key);
    if (response->status != expected)
        violation(fmt::format("{} should be refused with {}: {}", item.key, expected, response->body));
}

Client::Verdict Client::judge(const SentTransaction& item, int status, const json::Value& document) {
    if (status == 201) {
        remember(item, document);
        return Verdict::accepted;
    }
    return is_later(status) ? Verdict::later : Verdict::refused;
}

void Client::remember(const SentTransaction& item, const json::Value& transaction) {
    const ToldTransaction told{item, text_of(member(transaction, "id"))};
    const auto [known, is_new] = by_key_.try_emplace(item.key, told);
    if (!is_new && known->second.id != told.id)
        return violation(fmt::format("{} is {} and was {}", item.key, told.id, known->second.id));
    if (!is_new) return;
    evidence_.accepted.push_back(told);
    ++counters_.accepted;
}

std::optional<http::ClientResponse> Client::try_once(const std::string& target, const std::string& body,
                                                     const std::string& method) {
    auto response =
        apis_[port_].send({.method = method, .target = target, .headers = {}, .body = body}, request_timeout);
    if (response && !is_later(response->status)) return *std::move(response);
    const bool unknown =
        response ? response->body.contains("\"outcome_unknown\"") : http::may_have_been_executed(response.error());
    fate_unknown_ |= unknown;
    if (unknown)
        ++counters_.unknown;
    else if (!response)
        ++counters_.unreachable;
    else
        ++(response->status == 429 || response->body.contains("\"overloaded\"") ? counters_.early : counters_.later);
    port_ = (port_ + 1) % apis_.size();
    return std::nullopt;
}

std::optional<http::ClientResponse> Client::insist(const std::string& target, const std::string& body,
                                                   const std::string& method) {
    const SteadyTime begun = SystemClock().steady_now();
    for (int tries = 0; SystemClock().steady_now() - begun < definite_within; ++tries) {
        if (auto response = try_once(target, body, method)) return response;
        if (may_give_up()) return std::nullopt;
        back_off(tries);
    }
    violation("no definite answer: " + body.substr(0, 200));
    return std::nullopt;
}

void Client::violation(const std::string& text) { evidence_.violations.push_back("client: " + text); }

void Client::back_off(int tries) {
    const milliseconds most = std::min(kBackoffMax, kBackoffMin * (1 << std::min(tries, 6)));
    std::this_thread::sleep_for(milliseconds(1 + random_.below(static_cast<std::uint64_t>(most.count()))));
}

Load::Load(const ClientPlan& plan, int clients) : pause_(plan.pause) {
    for (int number = 0; number < clients; ++number)
        clients_.push_back(std::make_unique<Client>(plan, number, counters_));
}

void Load::prepare() {
    std::vector<std::string> shared;
    for (int i = 0; i < kSharedOfEach; ++i)
        for (const std::int64_t floor_cents : {0, -5'000}) shared.push_back(clients_[0]->open_account(floor_cents));
    for (const auto& client : clients_) {
        client->open_accounts();
        client->share_accounts(shared);
    }
}

void Load::start() {
    stopping_ = false;
    for (const auto& client : clients_)
        threads_.emplace_back([this, &client] {
            while (!stopping_) {
                client->step();
                if (pause_.count() > 0) std::this_thread::sleep_for(pause_);
            }
        });
}

void Load::stop() {
    stopping_ = true;
    threads_.clear();
}

bool Load::wait_accepted(std::int64_t more, milliseconds at_most) const {
    const std::int64_t wanted = counters_.accepted + more;
    return eventually([&] { return counters_.accepted >= wanted; }, at_most);
}

std::vector<Evidence> Load::evidence() const {
    std::vector<Evidence> all;
    for (const auto& client : clients_) all.push_back(client->evidence());
    return all;
}

milliseconds Load::latency_percentile(double fraction) const {
    std::vector<milliseconds> all;
    for (const auto& client : clients_) all.insert(all.end(), client->latencies().begin(), client->latencies().end());
    if (all.empty()) return milliseconds(0);
    std::ranges::sort(all);
    return all[static_cast<std::size_t>(fraction * static_cast<double>(all.size() - 1))];
}

}  // namespace ledgerline::test
