#include <fmt/format.h>

#include "base/backoff.h"
#include "cli/amounts.h"
#include "cli/cli.h"
#include "cli/server_command.h"
#include "cli/terminal.h"
#include "roles/exit_code.h"
#include "roles/signals.h"

namespace ledgerline::cli {
namespace {

// How long one call waits: an interrupt is noticed after it.
constexpr int kWaitSeconds = 1;
constexpr std::int64_t kPageMax = 100;

struct Options {
    ServerOptions server;
    OutputOptions output;
    bool follow = false;
    std::string after;
    std::string account;
    std::vector<std::string> types;
    std::int64_t limit = list_limit_max;
};

// What there is to print of an event, in words.
std::string line_of(const json::Value& event, const WriteAmount& write) {
    const json::Value* data = event.find("data");
    const json::Value* transaction = data ? data->find("transaction") : nullptr;
    std::string line =
        fmt::format("{}  {}  {}", text_of(event, "time"), text_of(event, "type"), text_of(event, "subject"));
    if (data && !transaction)
        line += fmt::format("  {} -> {}", cell_of(data->find("before")), cell_of(data->find("after")));
    if (!transaction) return line;
    const std::string currency = text_of(*transaction, "currency");
    for (const auto& [name, member] : {std::pair{"net", "net_cents"}, std::pair{"balance", "balance_after_cents"}}) {
        const json::Value* amount = data->find(member);
        const auto cents = amount ? amount->if_int64() : std::nullopt;
        if (cents) line += fmt::format("  {} {}", name, write(*cents, currency));
    }
    line += fmt::format("  {} {}", text_of(*transaction, "type"), text_of(*transaction, "id"));
    if (const std::string code = text_of(*data, "failure_code"); !code.empty()) line += "  " + code;
    if (const std::string letter = text_of(*data, "dead_letter_id"); !letter.empty()) line += "  dead letter " + letter;
    return line;
}

// Prints what follows a cursor, page by page.
class Reader {
public:
    Reader(const roles::Environment& environment, const Options& options, Server& server, std::string filters)
        : environment_(environment),
          options_(options),
          server_(server),
          filters_(std::move(filters)),
          write_(amounts_of(server)),
          cursor_(options.after.empty() && options.follow ? "latest"
                  : options.after == "start"              ? ""
                                                          : options.after),
          backoff_({.base = milliseconds(200), .cap = milliseconds(5'000)}, environment.random) {}

    // Whether more was there already.
    Result<bool> read_page() {
        const std::string target =
            fmt::format("/v1/events?limit={}{}{}{}", std::min(kPageMax, options_.limit - printed_), filters_,
                        query_of("after", cursor_), options_.follow ? fmt::format("&wait={}", kWaitSeconds) : "");
        LEDGERLINE_TRY(const json::Value page, server_.get(target, "events"));
        LEDGERLINE_TRY(const json::Array events, server_.objects_of(page, "events"));
        const std::string cursor = text_of(page, "next_cursor");
        if (cursor.empty()) return std::unexpected(server_.bad_answer("answered without a cursor"));
        for (const json::Value& event : events) print(event);
        environment_.out.flush();
        cursor_ = cursor;
        const json::Value* more = page.find("has_more");
        return more && more->if_bool() && *more->if_bool();
    }

    // Until there is no more, or enough was printed.
    Result<int> read_all() {
        bool more = true;
        while (more && printed_ < options_.limit && environment_.out) {
            LEDGERLINE_TRY(more, read_page());
        }
        if (more) say_cursor();
        return roles::exit_ok;
    }

    // Until it is interrupted. A server that is away is waited for.
    Result<int> follow() {
        roles::Interrupts interrupts;
        milliseconds pause{0};
        while (environment_.out && printed_ < options_.limit && !interrupts.wait(pause)) {
            const auto read = read_page();
            if (!read && read.error().disposition != Disposition::retry) return std::unexpected(read.error());
            pause = read ? milliseconds(0) : note_outage(read.error());
            if (read) note_answer();
        }
        say_cursor();
        return roles::exit_ok;
    }

private:
    void print(const json::Value& event) {
        if (options_.output.json())
            print_object(environment_, options_.output, event);
        else
            environment_.out << printable(line_of(event, write_)) << '\n';
        ++printed_;
    }

    milliseconds note_outage(const Error& error) {
        if (backoff_.failures() == 0) say(environment_, "ledgerline: trying again: " + error.message);
        return backoff_.next();
    }

    void note_answer() {
        if (backoff_.failures() > 0) say(environment_, "ledgerline: the server answers again");
        backoff_.reset();
    }

    // A cursor is what the server said, so it is only shown.
    void say_cursor() const {
        if (cursor_.empty() || cursor_ == "latest") return;
        say(environment_, "ledgerline: go on with --after " + cursor_);
    }

    const roles::Environment& environment_;
    const Options& options_;
    Server& server_;
    const std::string filters_;
    const WriteAmount write_;
    std::string cursor_;
    Backoff backoff_;
    std::int64_t printed_ = 0;
};

Result<int> events(const roles::Environment& environment, const Options& options, Server& server) {
    std::string filters;
    if (!options.account.empty()) {
        LEDGERLINE_TRY(const std::string id, resolve_account(server, options.account));
        filters = query_of("account_id", id);
    }
    std::string types;
    for (const std::string& type : options.types) types += (types.empty() ? "" : ",") + type;
    filters += query_of("type", types);
    Reader reader(environment, options, server, filters);
    return options.follow ? reader.follow() : reader.read_all();
}

}  // namespace

void declare_events(Command& parent, const roles::Environment& environment) {
    Command command = parent.add("events", "Print what became of transactions, as it happens");
    const auto options = declare_server_command<Options>(command, environment, events);
    command.flag({"-f,--follow", "", "Wait for further events until Ctrl-C; begin now unless --after says otherwise",
                  no_variable},
                 options->follow);
    command.option({"--after", "CURSOR",
                    "Begin after the place that an earlier call named; start, or latest: from now on", no_variable},
                   options->after);
    command.option({"--account", "ACCOUNT", "Only events of the account with this id or reference", no_variable},
                   options->account);
    command.option(
        {"--type", "TYPE", "Only events of this type, such as transaction.failed; may be repeated", no_variable},
        options->types);
    command.option({"--limit", "N", "Print at most this many", no_variable}, options->limit, 1, list_limit_max);
    command.notes(
        "Each account of a transaction has its own event; events of one account are in their order. At the end the\n"
        "place to go on from is printed on stderr. A server that is away is waited for. With -o json every line is a\n"
        "CloudEvent.\n\n"
        "Examples:\n"
        "  ledgerline events -f --account alice\n"
        "  ledgerline events -f --type transaction.failed -o json | jq .data.failure_code\n"
        "  ledgerline events --after start --limit 10");
}

}  // namespace ledgerline::cli
