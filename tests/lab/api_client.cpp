#include "lab/api_client.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <charconv>
#include <ranges>

namespace ledgerline::test {

std::string Answer::header(std::string_view name) const {
    for (const auto& [each, value] : headers)
        if (each == name) return value;
    return "";
}

std::string Answer::at(std::string_view path) const {
    const json::Value* value = &body;
    for (const auto part : std::views::split(path, '.')) {
        const std::string_view name(part.begin(), part.end());
        std::size_t index = 0;
        if (const json::Array* array = value->if_array()) {
            std::from_chars(name.data(), name.data() + name.size(), index);
            value = index < array->size() ? &(*array)[index] : nullptr;
        } else {
            value = value->find(name);
        }
        if (!value) return "missing";
    }
    return value->if_string() ? *value->if_string() : json::serialize(*value);
}

std::int64_t Answer::number(std::string_view path) const {
    const std::string text = at(path);
    std::int64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, failed] = std::from_chars(text.data(), end, value);
    return failed == std::errc() && rest == end ? value : -1;
}

std::string Answer::text() const { return body.if_string() ? *body.if_string() : json::serialize(body); }

ApiClient::ApiClient(std::uint16_t port, const std::string& api_key)
    : client_({.host = "127.0.0.1", .port = port, .prefix = ""}) {
    if (!api_key.empty()) headers_ = {{"Authorization", "Bearer " + api_key}};
}

Answer ApiClient::call(const std::string& method, const std::string& target, const std::string& body,
                       std::vector<http::Header> headers, milliseconds timeout) {
    headers.insert(headers.end(), headers_.begin(), headers_.end());
    auto response =
        client_.send({.method = method, .target = target, .headers = std::move(headers), .body = body}, timeout);
    if (!response) return {.status = 0, .headers = {}, .body = {}, .error = response.error().message};
    auto parsed = json::parse(response->body);
    return {response->status, std::move(response->headers),
            parsed ? std::move(*parsed) : json::Value(std::move(response->body))};
}

std::string ApiClient::open_account(const std::string& fields) {
    const Answer made = post("/v1/accounts", "{" + fields + "}");
    EXPECT_EQ(made.status, 201) << made.text() << made.error;
    return made.at("id");
}

std::string transaction_json(const std::string& account_id, const std::string& key, std::int64_t amount_cents,
                             const std::string& type, const std::string& more) {
    return fmt::format(
        R"({{"account_id":"{}","amount_cents":{},"currency":"EUR","type":"{}","idempotency_key":"{}"{}}})", account_id,
        amount_cents, type, key, more);
}

}  // namespace ledgerline::test
