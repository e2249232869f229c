#include "domain/dead_letter.h"

#include <algorithm>
#include <functional>
#include <iterator>

namespace ledgerline {
namespace {

bool is_ours(const Header& header) { return header.first.starts_with(dead_letter_header_prefix); }

// The longest prefix of valid UTF-8 text that fits, cut between two code points.
std::string text_within(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return std::string(text);
    std::size_t end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    return std::string(text.substr(0, end));
}

std::size_t header_bytes(const Header& header) { return wire_bytes_max({{}, {}, {header}}) - wire_bytes_max({}); }

// The longest run of the original's first headers, in order, that fits.
std::vector<Header> headers_within(const std::vector<Header>& headers, std::size_t bytes_max) {
    std::vector<Header> kept;
    std::size_t bytes = 0;
    for (const Header& header : headers) {
        if (is_ours(header)) continue;
        bytes += header_bytes(header);
        if (bytes > bytes_max) break;
        kept.push_back(header);
    }
    return kept;
}

std::string name_truncated(std::string names, std::string_view name) {
    if (!names.empty()) names += ' ';
    return names.append(name);
}

}  // namespace

Message encode(const DeadLetter& letter, std::size_t bytes_max) {
    const Message& original = letter.original;
    Message added;
    const auto add = [&](std::string_view name, std::string_view value) {
        added.headers.emplace_back(std::string(dead_letter_header_prefix).append(name),
                                   text_within(value, dead_letter_text_bytes_max));
    };
    add("id", letter.id.to_string());
    add("original-topic", letter.topic);
    add("partition", std::to_string(letter.partition));
    add("offset", std::to_string(letter.offset));
    add("error-class", letter.error_class);
    add("error-code", letter.error_code);
    add("error-message", letter.error_message);
    add("attempts", std::to_string(letter.attempts));
    add("first-failed-at", format_rfc3339(letter.first_failed_at));
    add("last-failed-at", format_rfc3339(letter.last_failed_at));
    const Header mark{std::string(dead_letter_header_prefix).append("truncated"), "key value headers"};

    std::size_t room = bytes_max;
    const auto take = [&room](std::size_t bytes) { room -= std::min(room, bytes); };
    take(wire_bytes_max(added) + header_bytes(mark));
    Message message;
    const std::size_t share = room / 4;
    message.key = original.key.substr(0, std::min(share, dead_letter_key_bytes_max));
    message.headers = headers_within(original.headers, std::min(share, dead_letter_headers_bytes_max));
    take(message.key.size());
    for (const Header& header : message.headers) take(header_bytes(header));
    message.value = original.value.substr(0, std::min(room, dead_letter_value_bytes_max));

    std::string truncated;
    const auto original_headers =
        static_cast<std::size_t>(std::ranges::count_if(original.headers, std::not_fn(is_ours)));
    if (message.key.size() < original.key.size()) truncated = name_truncated(std::move(truncated), "key");
    if (static_cast<std::int64_t>(message.value.size()) < letter.value_bytes)
        truncated = name_truncated(std::move(truncated), "value");
    if (message.headers.size() < original_headers) truncated = name_truncated(std::move(truncated), "headers");
    if (!truncated.empty()) add("truncated", truncated);
    std::ranges::move(added.headers, std::back_inserter(message.headers));
    return message;
}

}  // namespace ledgerline
