#include "cli/amounts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/amount_text.h"
#include "base/money.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr std::string_view kEnding = "_cents";

std::unexpected<Error> bad_amount(std::string message) {
    return failure(Disposition::refuse, std::string(roles::bad_usage), std::move(message));
}

// A sum may be beyond 64 bits. What is no number is shown as it is.
json::Value written(const json::Value& cents, const WriteAmount& write, const std::string& currency) {
    if (const auto number = cents.if_int64()) return write(*number, currency);
    return cents.if_number() ? json::Value(fmt::format("{} minor units of {}", cents.if_number()->text, currency))
                             : cents;
}

std::string side_of(const json::Value& leg, const std::string& side) {
    const std::string id = text_of(leg, side + "_account_id");
    return id.empty() ? "external" : id;
}

std::string text_of_leg(const json::Value& leg, const WriteAmount& write) {
    const json::Value* amount = leg.find("amount_cents");
    const json::Value shown = amount ? written(*amount, write, text_of(leg, "currency")) : leg;
    return fmt::format("{} from {} to {}", cell_of(&shown), side_of(leg, "from"), side_of(leg, "to"));
}

}  // namespace

WriteAmount amounts_of(Server& server) {
    return [&server](std::int64_t cents, const std::string& currency) {
        const auto asset = server.asset(currency);
        return amount_text(cents, asset && *asset ? (*asset)->exponent : std::nullopt, currency);
    };
}

json::Value for_people(const json::Value& object, const WriteAmount& write, const std::string& currency) {
    if (!object.if_object()) return object;
    std::string own = text_of(object, "currency");
    if (own.empty()) own = currency;
    json::Object shown;
    for (const auto& [name, value] : *object.if_object()) {
        const json::Array* legs = name == "legs" ? value.if_array() : nullptr;
        if (name.ends_with(kEnding)) {
            shown.emplace_back(name.substr(0, name.size() - kEnding.size()), written(value, write, own));
        } else if (legs) {
            for (std::size_t i = 0; i < legs->size(); ++i)
                shown.emplace_back(fmt::format("legs[{}]", i), text_of_leg((*legs)[i], write));
        } else {
            shown.emplace_back(name, value);
        }
    }
    return shown;
}

std::vector<json::Value> for_people(const std::vector<json::Value>& objects, const WriteAmount& write,
                                    const std::string& currency) {
    std::vector<json::Value> shown;
    for (const json::Value& object : objects) shown.push_back(for_people(object, write, currency));
    return shown;
}

void print_answer(const roles::Environment& environment, const OutputOptions& output, const json::Value& object,
                  Server& server) {
    print_object(environment, output, output.streams() ? object : for_people(object, amounts_of(server)));
}

void declare_amount(Command& command, AmountOptions& options, const std::string& otherwise) {
    command.parsed({"--amount", "AMOUNT", "Amount as people write it, such as 12.50; " + otherwise, no_variable}, "",
                   [&options](const std::string& value) {
                       std::string rule = broken_amount_rule(value);
                       if (rule.empty()) options.text = value;
                       return rule;
                   });
    command.option({"--amount-cents", "CENTS", "The same in minor units", no_variable}, options.cents, 1,
                   amount_cents_max);
    command.alternatives("--amount", "--amount-cents");
}

Result<std::int64_t> cents_of(const AmountOptions& options, const std::string& currency, Server& server) {
    if (options.cents) return *options.cents;
    if (options.text.empty()) return bad_amount("--amount or --amount-cents is required");
    LEDGERLINE_TRY(const Asset* asset, server.asset(currency));
    if (!asset || !asset->exponent)
        return bad_amount(
            fmt::format("--amount: it is not known how many decimals {} has; give --amount-cents", currency));
    const auto cents = parse_amount(options.text, *asset->exponent, currency);
    if (!cents) return bad_amount(fmt::format("--amount must be {}, not '{}'", cents.error(), options.text));
    return *cents;
}

}  // namespace ledgerline::cli
