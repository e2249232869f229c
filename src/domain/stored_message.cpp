#include "domain/stored_message.h"

#include <sodium.h>

#include <algorithm>

#include "base/base64.h"
#include "base/hex.h"
#include "base/json.h"

namespace ledgerline {
namespace {

bool is_storable_text(const std::string& bytes) {
    std::string quoted;
    json::append_quoted(bytes, quoted);
    return json::parse(quoted).has_value();
}

std::string sha256(const std::string& bytes) {
    std::string hash(crypto_hash_sha256_BYTES, '\0');
    crypto_hash_sha256(reinterpret_cast<unsigned char*>(hash.data()),
                       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    return hash;
}

// A prefix of at most bytes_max bytes; if the text is UTF-8, whole code points.
std::string beginning(const std::string& bytes, std::size_t bytes_max) {
    if (bytes.size() <= bytes_max) return bytes;
    std::size_t end = bytes_max;
    while (end > 0 && bytes_max - end < 4 && (static_cast<unsigned char>(bytes[end]) & 0xc0) == 0x80) --end;
    return bytes.substr(0, end);
}

// Keeps order and repetitions. dropped counts the headers that did not fit.
std::string headers_json(const std::vector<Header>& headers, std::size_t bytes_max, std::size_t& dropped) {
    json::Array array;
    std::size_t bytes = 0;
    for (const auto& [name, value] : headers) {
        bytes += name.size() + value.size();
        if (bytes > bytes_max) break;
        if (is_storable_text(name) && is_storable_text(value))
            array.push_back(json::Array{name, value});
        else
            array.push_back(json::Array{base64_of(name), base64_of(value), "base64"});
    }
    dropped = headers.size() - array.size();
    return json::serialize(json::Value(std::move(array)));
}

std::string hex(const std::string& bytes) {
    return hex_of({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

}  // namespace

StoredMessage::StoredMessage(const Message& message, const std::string& error, bool bare)
    : key(message.key.substr(0, key_bytes_max)),
      payload(bare ? std::string() : beginning(message.value, value_bytes_max)),
      encoding("utf8"),
      value_sha256(sha256(message.value)),
      error_message(beginning(error, error_bytes_max)) {
    std::size_t headers_dropped = 0;
    headers = headers_json(message.headers, bare ? 0 : headers_bytes_max, headers_dropped);
    if (!is_storable_text(error_message))
        std::ranges::replace_if(
            error_message, [](char c) { return c == '\0' || static_cast<unsigned char>(c) >= 0x80; }, '?');

    std::string missing;
    const auto note = [&](const std::string& what) { missing += (missing.empty() ? "" : ", ") + what; };
    if (payload.size() < message.value.size())
        note(std::to_string(message.value.size() - payload.size()) + " of the value's " +
             std::to_string(message.value.size()) + " bytes (sha256 of all " + hex(value_sha256) + ")");
    if (headers_dropped > 0)
        note(std::to_string(headers_dropped) + " of " + std::to_string(message.headers.size()) + " headers");
    if (key.size() < message.key.size()) note(std::to_string(message.key.size() - key.size()) + " of the key's bytes");
    if (!missing.empty()) error_message += " [not kept: " + missing + "]";

    if (is_storable_text(payload)) return;
    payload = base64_of(payload);
    encoding = "base64";
}

}  // namespace ledgerline
