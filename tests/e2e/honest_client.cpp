#include "e2e/honest_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "http/server/edge_fixture.h"

namespace ledgerline::test {

using std::chrono::steady_clock;

long peak_kibibytes(pid_t pid) {
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    for (std::string word; status >> word;)
        if (long peak = 0; word == "VmHWM:" && status >> peak) return peak;
    return -1;
}

HonestClient::HonestClient(std::uint16_t port, const char* from) : port_(port), from_(from) {
    RawConnection connection(port_, from_);
    connection.send(http::post("/v1/accounts", R"({"currency":"EUR"})"));
    const auto response = connection.receive();
    const auto body = json::parse(response ? response->body : "");
    const json::Value* id = body ? body->find("id") : nullptr;
    if (id && id->if_string()) account_ = *id->if_string();
    EXPECT_NE(account_, "") << (response ? response->body : "no answer");
}

std::optional<milliseconds> HonestClient::pay(const std::string& metadata) {
    const auto began = steady_clock::now();
    RawConnection connection(port_, from_);
    connection.send(http::post("/v1/transactions",
                               fmt::format(R"({{"account_id":"{}","amount_cents":1,"currency":"EUR","type":"CREDIT",)"
                                           R"("idempotency_key":"payment-{}","metadata":{}}})",
                                           account_, ++payments_, metadata)));
    const auto response = connection.receive();
    if (response && response->status == 201) return std::chrono::ceil<milliseconds>(steady_clock::now() - began);
    ADD_FAILURE() << "payment " << payments_ << ": " << (response ? response->body : "no answer");
    return std::nullopt;
}

void HonestClient::expect_served(int payments, milliseconds most) {
    std::vector<milliseconds> times;
    for (int i = 0; i < payments; ++i)
        if (const auto time = pay()) times.push_back(*time);
    ASSERT_EQ(times.size(), static_cast<std::size_t>(payments));
    std::ranges::sort(times);
    EXPECT_LT(times.back(), most);
    fmt::print("{} payments: p50 {} ms, p99 {} ms, at most {} ms\n", times.size(), times[times.size() / 2].count(),
               times[times.size() * 99 / 100].count(), times.back().count());
}

}  // namespace ledgerline::test
