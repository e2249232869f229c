#include "bench/request_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace ledgerline::bench {
namespace {

constexpr std::string_view kCredit = "\"CREDIT\"";
constexpr std::string_view kDebit = "\"DEBIT\" ";  // as long as the other
constexpr std::size_t kAmountDigits = 4;
constexpr std::size_t kKeyDigits = 12;

void write_digits(char* end, std::uint64_t number, std::size_t digits) {
    for (; digits > 0; --digits, number /= 10) *--end = static_cast<char>('0' + number % 10);
}

}  // namespace

RequestText::RequestText(const RequestShape& shape) : shape_(shape) {
    const std::string account(account_characters, '0'), amount(kAmountDigits, '0');
    std::string item;
    const auto append = [&](std::string_view before, std::size_t& at, std::string_view member) {
        item += before;
        at = item.size();
        item += member;
    };
    if (shape.transfers) {
        append(R"({"legs":[{"from_account_id":")", account_at_, account);
        append(R"(","to_account_id":")", to_at_, account);
        append(R"(","amount_cents":)", amount_at_, amount);
        item += fmt::format(R"(,"currency":"{}"}}])", shape.currency);
    } else {
        append(R"({"account_id":")", account_at_, account);
        append(R"(","amount_cents":)", amount_at_, amount);
        append(fmt::format(R"(,"currency":"{}","type":)", shape.currency), type_at_, kCredit);
    }
    item += fmt::format(R"(,"idempotency_key":"{}-)", shape.key_prefix);
    key_at_ = item.size();
    item += std::string(kKeyDigits, '0') + R"("})";
    item_step_ = item.size() + 1;

    std::string body = item;
    std::size_t item_in_body = 0;
    if (shape.batch_size > 0) {
        body = R"({"transactions":[)";
        item_in_body = body.size();
        for (std::size_t i = 0; i < shape.batch_size; ++i) body += (i > 0 ? "," : "") + item;
        body += "]}";
    }
    const std::string prefer =
        shape.prefer_wait_seconds > 0 ? fmt::format("Prefer: wait={}\r\n", shape.prefer_wait_seconds) : "";
    text_ =
        fmt::format("POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\r\n",
                    shape.batch_size > 0 ? "/v1/transactions/batch"
                    : shape.transfers    ? "/v1/transfers"
                                         : "/v1/transactions",
                    shape.host, prefer, body.size());
    first_item_ = text_.size() + item_in_body;
    text_ += body;
}

std::string_view RequestText::next(Source& source) {
    char* item = text_.data() + first_item_;
    for (std::size_t i = 0; i < std::max<std::size_t>(shape_.batch_size, 1); ++i, item += item_step_) {
        // One draw serves all three; they use different bits.
        const std::uint64_t drawn = source.random.next();
        const std::size_t chosen = (drawn >> 24) % shape_.accounts.size();
        std::ranges::copy(shape_.accounts[chosen], item + account_at_);
        const auto spread = amount_cents_max - amount_cents_min + 1;
        write_digits(item + amount_at_ + kAmountDigits, amount_cents_min + ((drawn >> 1) & 0x3fffff) % spread,
                     kAmountDigits);
        if (shape_.transfers) {
            const std::size_t others = shape_.accounts.size() - 1;
            const std::size_t other = (chosen + 1 + source.random.next() % others) % shape_.accounts.size();
            std::ranges::copy(shape_.accounts[other], item + to_at_);
        } else {
            std::ranges::copy((drawn & 1) != 0 ? kCredit : kDebit, item + type_at_);
        }
        write_digits(item + key_at_ + kKeyDigits, source.next_key++, kKeyDigits);
    }
    return text_;
}

}  // namespace ledgerline::bench
