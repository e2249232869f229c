#include "cli/account_ref.h"

#include <fmt/format.h>

#include "base/uuid.h"

namespace ledgerline::cli {

Result<std::string> resolve_account(Server& server, const std::string& id_or_reference) {
    if (Uuid::parse(id_or_reference)) return id_or_reference;
    LEDGERLINE_TRY(const json::Value page,
                   server.get("/v1/accounts?reference=" + http::percent_encode(id_or_reference), "accounts"));
    LEDGERLINE_TRY(const json::Array accounts, server.objects_of(page, "accounts"));
    if (accounts.empty())
        return failure(Disposition::refuse, "account_not_found",
                       fmt::format("there is no account with the reference '{}'", id_or_reference));
    std::string id = text_of(accounts.front(), "id");
    // The id becomes part of a path.
    if (!Uuid::parse(id)) return std::unexpected(server.bad_answer("answered with an account that has no id"));
    return id;
}

}  // namespace ledgerline::cli
