// DecisionRequest: who decides about a dead letter, and why.
//
// The header X-Operator or the body: {"by": "...", "reason": "...", "bulk_id": "..."}. All may be left out, and so may
// the body.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "base/uuid.h"
#include "db/params.h"
#include "http/message.h"
#include "http/problem.h"

namespace ledgerline::api {

struct DecisionRequest {
    static constexpr std::size_t operator_chars_max = 100;
    static constexpr std::size_t reason_chars_max = 500;

    std::optional<std::string> operator_name;    // as the caller calls itself
    std::optional<std::string> key_fingerprint;  // of the API key that let it in
    std::optional<std::string> reason;
    std::optional<Uuid> bulk_id;
    std::string request_id;

    static std::expected<DecisionRequest, http::Problem> parse(const http::Request& request);

    // What decided_by says: the name, or "key:" and the fingerprint, or "api".
    std::string decided_by() const;
    // Adds the letter and the six parameters that the statements of both decisions begin with.
    void add_to(db::Params& params, const Uuid& letter) const;
};

}  // namespace ledgerline::api
