// Amounts on the command line: shown with their decimals and their currency, and taken as --amount 12.50. Programs read
// and write minor units: -o json is what the server said.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/server.h"

namespace ledgerline::cli {

// "12.50 EUR". currency may be "".
using WriteAmount = std::function<std::string(std::int64_t cents, const std::string& currency)>;
// In minor units where the server does not say how many decimals the currency has. The server must outlive it.
WriteAmount amounts_of(Server& server);

// The object as people read it: `amount` with a text in place of `amount_cents`, and likewise every member with that
// ending; legs[0], legs[1], ... in place of legs. The currency is that of the object, or else the given one.
json::Value for_people(const json::Value& object, const WriteAmount& write, const std::string& currency = "");
std::vector<json::Value> for_people(const std::vector<json::Value>& objects, const WriteAmount& write,
                                    const std::string& currency = "");

// print_object() of what a server answered.
void print_answer(const roles::Environment& environment, const OutputOptions& output, const json::Value& object,
                  Server& server);

// --amount or --amount-cents, in minor units or as people write it.
struct AmountOptions {
    std::optional<std::int64_t> cents;
    std::string text;

    bool is_given() const { return cents || !text.empty(); }
};
// otherwise: what it means to give neither, such as "without an amount, all that is left".
inline constexpr const char* amount_is_required = "this or --amount-cents is required";
void declare_amount(Command& command, AmountOptions& options, const std::string& otherwise);
// In minor units of the currency. Error bad_usage: neither is given, or the amount is none of that currency.
Result<std::int64_t> cents_of(const AmountOptions& options, const std::string& currency, Server& server);

}  // namespace ledgerline::cli
