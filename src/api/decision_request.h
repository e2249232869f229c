// DecisionRequest: who decides on a dead letter, and why.
//
// Read from the header X-Operator or the body: {"by": "...", "reason": "...", "bulk_id": "..."}. All of it may be left
// out, the body included.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "base/uuid.h"
#include "http/message.h"
#include "http/problem.h"

namespace ledgerline::api {

struct DecisionRequest {
    static constexpr std::size_t operator_chars_max = 100;
    static constexpr std::size_t reason_chars_max = 500;

    std::optional<std::string> operator_name;    // the name the caller gives itself
    std::optional<std::string> key_fingerprint;  // of the API key used
    std::optional<std::string> reason;
    std::optional<Uuid> bulk_id;
    std::string request_id;

    static std::expected<DecisionRequest, http::Problem> parse(const http::Request& request);

    // The value of decided_by: the name, else "key:" and the fingerprint, else "api".
    std::string decided_by() const;
};

}  // namespace ledgerline::api
