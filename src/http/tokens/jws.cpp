#include "http/tokens/jws.h"

#include <algorithm>
#include <array>

#include "base/base64.h"
#include "base/json.h"
#include "base/text.h"

namespace ledgerline::http {
namespace {

struct NamedAlgorithm {
    TokenAlgorithm algorithm;
    std::string_view name;
};
constexpr std::array<NamedAlgorithm, 3> kAlgorithms{
    {{TokenAlgorithm::rs256, "RS256"}, {TokenAlgorithm::es256, "ES256"}, {TokenAlgorithm::eddsa, "EdDSA"}}};

// Tokens made for other purposes, such as a proof or a logout, name another type (RFC 8725, section 3.11). Some issuers
// name none.
constexpr std::array<std::string_view, 3> kTypes{"at+jwt", "application/at+jwt", "JWT"};

std::expected<Jws, TokenFault> read_header(std::string_view text) {
    const auto header = json::parse(text);
    if (!header || !header->if_object()) return std::unexpected("its header is not one JSON object");
    // What must be understood is not (RFC 7515, section 4.1.11).
    if (header->find("crit")) return std::unexpected("its header has crit");
    Jws jws;
    const json::Value* algorithm = header->find("alg");
    const auto known = algorithm && algorithm->if_string() ? parse_algorithm(*algorithm->if_string()) : std::nullopt;
    if (!known) return std::unexpected("alg is not RS256, ES256 or EdDSA");
    jws.algorithm = *known;
    if (const json::Value* type = header->find("typ")) {
        const std::string* name = type->if_string();
        const auto is_name = [&](std::string_view each) { return name && equal_ignoring_case(each, *name); };
        if (std::ranges::none_of(kTypes, is_name)) return std::unexpected("typ is not at+jwt or JWT");
    }
    if (const json::Value* id = header->find("kid")) {
        const std::string* name = id->if_string();
        if (!name || name->empty() || name->size() > Jws::key_id_bytes_max)
            return std::unexpected("kid is no text, or too long");
        jws.key_id = *name;
    }
    return jws;
}

}  // namespace

std::optional<TokenAlgorithm> parse_algorithm(std::string_view name) {
    const auto found = std::ranges::find(kAlgorithms, name, &NamedAlgorithm::name);
    return found == kAlgorithms.end() ? std::nullopt : std::optional(found->algorithm);
}

std::expected<Jws, TokenFault> Jws::parse(std::string_view text) {
    if (text.size() > bytes_max) return std::unexpected("it is too long");
    const std::size_t first = text.find('.'), last = text.rfind('.');
    if (std::ranges::count(text, '.') != 2) return std::unexpected("it has not three parts");
    const auto header = from_base64url(text.substr(0, first));
    auto payload = from_base64url(text.substr(first + 1, last - first - 1));
    auto signature = from_base64url(text.substr(last + 1));
    if (!header || !payload || !signature) return std::unexpected("a part of it is not base64url");
    auto jws = read_header(*header);
    if (!jws) return jws;
    jws->signed_text = text.substr(0, last);
    jws->payload = *std::move(payload);
    jws->signature = *std::move(signature);
    return jws;
}

}  // namespace ledgerline::http
