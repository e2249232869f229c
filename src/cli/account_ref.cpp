#include "cli/account_ref.h"

#include <fmt/format.h>

#include "base/uuid.h"

namespace ledgerline::cli {

Result<std::string> resolve_account(Server& server, const std::string& id_or_reference) {
    if (Uuid::parse(id_or_reference)) return id_or_reference;
    LEDGERLINE_TRY(json::Value page, server.get("/v1/accounts?reference=" + http::percent_encode(id_or_reference)));
    const json::Value* found = page.find("accounts");
    const json::Array* accounts = found ? found->if_array() : nullptr;
    if (!accounts || accounts->empty())
        return failure(Disposition::refuse, "account_not_found",
                       fmt::format("there is no account with the reference '{}'", id_or_reference));
    return text_of(accounts->front(), "id");
}

}  // namespace ledgerline::cli
