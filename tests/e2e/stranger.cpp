#include "e2e/stranger.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <cstdlib>
#include <iterator>
#include <memory>

#include "base/random.h"
#include "e2e/program.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

constexpr int kPagesMax = 1000;

std::string chosen_url() {
    const char* chosen = std::getenv("LEDGERLINE_URL");
    return chosen ? chosen : "";
}

// The server of this run, when none was chosen.
class OwnServer : public testing::Environment {
public:
    void SetUp() override {
        if (!chosen_url().empty()) {
            expect_reachable();
            return;
        }
        directory_ = std::make_unique<TempDir>();
        up_ = std::make_unique<UpProcess>(directory_->path() / "data");
        url_ = up_->url();
    }
    void TearDown() override {
        if (!up_) return;
        up_->program().signal(SIGTERM);
        EXPECT_EQ(up_->program().wait_outcome(), "exit code 0") << up_->program().output();
        up_.reset();
        directory_.reset();
    }
    static const std::string& url() { return url_; }

private:
    // Without it no test runs.
    static void expect_reachable() {
        const auto base = http::BaseUrl::parse(url_);
        ASSERT_TRUE(base) << url_ << ": " << base.error().message;
        const Answer answer = ApiClient(*base).get("/health");
        ASSERT_NE(answer.status, 0) << url_ << ": " << answer.error;
    }
    static inline std::string url_ = chosen_url();
    std::unique_ptr<TempDir> directory_;
    std::unique_ptr<UpProcess> up_;
};

testing::Environment* const own_server = testing::AddGlobalTestEnvironment(new OwnServer);

http::BaseUrl base() {
    auto parsed = http::BaseUrl::parse(OwnServer::url());
    if (!parsed) ADD_FAILURE() << OwnServer::url() << ": " << parsed.error().message;
    return parsed.value_or(http::BaseUrl{});
}

}  // namespace

std::string Movement::json() const {
    return fmt::format(
        R"({{"account_id":"{}","amount_cents":{},"currency":"{}","type":"{}","idempotency_key":"{}"{}}})", account_id,
        amount_cents, currency, type, key, more);
}

std::string batch_of(const std::vector<Movement>& movements) {
    std::string items;
    for (const Movement& movement : movements) items += (items.empty() ? "" : ",") + movement.json();
    return R"({"transactions":[)" + items + "]}";
}

std::string member(const json::Value& value, std::string_view path) {
    return Answer{.headers = {}, .body = value}.at(path);
}

Answer Stranger::call(const std::string& method, const std::string& target, const std::string& body,
                      std::vector<http::Header> headers) {
    Answer answer = ApiClient(base()).call(method, target, body, std::move(headers));
    if (answer.status == 0) ADD_FAILURE() << method << ' ' << target << ": " << answer.error;
    return answer;
}

std::string Stranger::raw(const std::string& bytes) {
    const http::BaseUrl server = base();
    boost::asio::ip::tcp::iostream stream;
    stream.expires_after(patience);
    stream.connect(server.host, std::to_string(server.port));
    stream << bytes << std::flush;
    if (!stream) ADD_FAILURE() << "cannot send: " << stream.error().message();
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::string Stranger::fresh(const std::string& label) {
    static const std::uint64_t run = SystemRandom().next();
    static std::atomic<int> count{0};
    return fmt::format("e2e-{:016x}-{}-{}", run, ++count, label);
}

std::string Stranger::account(const std::string& currency, const std::string& more) {
    const Answer made = post("/v1/accounts", fmt::format(R"({{"currency":"{}"{}}})", currency, more));
    EXPECT_EQ(made.status, 201) << json::serialize(made.body);
    return made.at("id");
}

Answer Stranger::settle_batch(const std::vector<Movement>& movements) {
    return post("/v1/transactions/batch", batch_of(movements), {{"Prefer", prefer_wait}});
}

std::string Stranger::balance(const std::string& account_id) {
    return get("/v1/accounts/" + account_id).at("balance_cents");
}

json::Array Stranger::entries(const std::string& account_id, int page) {
    json::Array all;
    const std::string target = fmt::format("/v1/accounts/{}/entries?limit={}", account_id, page);
    std::string cursor;
    for (int pages = 0; cursor != "null" && pages < kPagesMax; ++pages) {
        const Answer answer = get(cursor.empty() ? target : target + "&cursor=" + http::percent_encode(cursor));
        EXPECT_EQ(answer.status, 200) << json::serialize(answer.body);
        const json::Value* items = answer.body.find("entries");
        if (!items || !items->if_array()) return all;
        EXPECT_LE(items->if_array()->size(), static_cast<std::size_t>(page));
        all.insert(all.end(), items->if_array()->begin(), items->if_array()->end());
        cursor = answer.at("next_cursor");
        if (cursor == "missing") break;
    }
    std::ranges::reverse(all);
    return all;
}

}  // namespace ledgerline::test
