#include <fmt/format.h>

#include <optional>

#include "cli/bulk_decision.h"
#include "cli/cli.h"
#include "cli/field_options.h"
#include "cli/operator_option.h"
#include "cli/server_command.h"
#include "cli/terminal.h"
#include "roles/exit_code.h"
#include "roles/signals.h"

namespace ledgerline::cli {
namespace {

struct Options {
    ServerOptions server;
    OutputOptions output;
    LetterFilter filter;
    std::string state;
    std::string letter;
    std::int64_t limit = 50;
    bool follow = false;
};

struct DecisionOptions {
    ServerOptions server;
    OutputOptions output;
    std::vector<std::string> letters;
    LetterFilter filter;
    bool all = false;
    bool execute = false;
    std::int64_t letters_max = bulk_letters_default;
    std::int64_t letters_per_second = bulk_rate_default;
    std::string operator_name = user_name();
    std::string reason;
};

const Field kLetterFields[] = {{"id", "id"},
                               {"state", "state"},
                               {"lane", "lane", Align::right},
                               {"seq", "seq", Align::right},
                               spare({"error_class", "error_class"}),
                               {"error_code", "error_code"},
                               spare({"attempts", "attempts", Align::right}),
                               spare({"last_failed_at", "last_failed_at"}),
                               spare({"transaction_id", "transaction_id"})};
const Field kAuditFields[] = {{"decision", "decision"},    {"decided_at", "decided_at"}, {"operator", "operator"},
                              {"key_id", "key"},           {"bulk_id", "bulk_id"},       {"reason", "reason"},
                              {"request_id", "request_id"}};

Result<int> list(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const LetterQuery query, options.filter.query(server, environment.clock.wall_now()));
    LEDGERLINE_CHECK(print_pages(environment, options.output, server,
                                 {.path = "/v1/dead-letters",
                                  .filters = query_of("state", options.state) + query.all(),
                                  .member = "dead_letters",
                                  .limit = options.limit,
                                  .fields = kLetterFields,
                                  .follow = options.follow}));
    return roles::exit_ok;
}

Result<int> show(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(json::Value letter, server.get(letter_path(options.letter), "id"));
    json::Object* members = letter.if_object();
    const json::Value* audit = letter.find("audit");
    if (options.output.documents() || !members || !audit || !audit->if_array()) {
        print_object(environment, options.output, letter);
        return roles::exit_ok;
    }
    const json::Array decisions = *audit->if_array();
    std::erase_if(*members, [](const json::Member& member) { return member.first == "audit"; });
    print_object(environment, options.output, letter);
    if (decisions.empty()) return roles::exit_ok;
    environment.out << '\n';
    OutputOptions whole = options.output;
    whole.format = "wide";
    print_list(environment, whole, kAuditFields, decisions, "");
    return roles::exit_ok;
}

// Decides every letter named, even after one was refused; an unreachable server ends it.
Result<int> decide_each(const roles::Environment& environment, const DecisionOptions& options, Server& server,
                        const std::string& decision) {
    std::vector<json::Value> decided;
    int code = roles::exit_ok;
    for (const std::string& letter : options.letters) {
        auto answer = server.call_until_known("POST", letter_path(letter) + "/" + decision,
                                              decision_body(options.reason), operator_header(options.operator_name));
        if (answer && answer->status == 202) {
            say(environment,
                fmt::format("ledgerline: {}: another API key must approve it: ledgerline approvals approve {}", letter,
                            text_of(answer->body, "id")));
            continue;
        }
        if (answer && answer->ok() && answer->body.find("id")) {
            decided.push_back(std::move(answer->body));
            continue;
        }
        const Error error = !answer        ? answer.error()
                            : answer->ok() ? server.bad_answer("answered without 'id'")
                                           : server.error_of(*answer);
        say(environment, fmt::format("ledgerline: {}: {}", letter, error.message));
        code = roles::exit_code_of(error);
        if (code != roles::exit_refused) break;
    }
    print_list(environment, options.output, kLetterFields, decided, "");
    return code;
}

// A contradiction between the arguments; "" when there is none.
std::string contradiction(const DecisionOptions& options, const std::string& decision) {
    const bool filtered = !options.filter.is_empty();
    const int ways = !options.letters.empty() + filtered + options.all;
    if (ways == 0) return "name letters by their ids, or select them by a filter or by --all";
    if (ways > 1) return "ids, filters and --all cannot be combined";
    if (decision == "replay" && options.filter.error_class == "foreign") return "foreign letters can only be discarded";
    return "";
}

// A discard cannot be undone, unlike a replay, which only applies what was accepted. Empty when the command may
// proceed; otherwise the exit code.
Result<std::optional<int>> ask_before(const roles::Environment& environment, const DecisionOptions& options,
                                      const std::string& decision) {
    if (decision != "discard" || options.execute) return std::nullopt;
    if (!environment.terminal)
        return failure(Disposition::refuse, std::string(roles::bad_usage),
                       "dlq discard cannot be undone, and there is no terminal to ask at: confirm with --yes");
    const std::size_t count = options.letters.size();
    const std::string question =
        count == 1
            ? fmt::format("Discard the dead letter {}? Its transaction becomes FAILED permanently.", options.letters[0])
            : fmt::format("Discard these {} dead letters? Their transactions become FAILED permanently.", count);
    if (confirmed(environment, question)) return std::nullopt;
    say(environment, "Nothing was done.");
    return roles::exit_refused;
}

Result<int> decide(const roles::Environment& environment, const DecisionOptions& options, Server& server,
                   const std::string& decision) {
    if (const std::string wrong = contradiction(options, decision); !wrong.empty())
        return failure(Disposition::refuse, std::string(roles::bad_usage), fmt::format("dlq {}: {}", decision, wrong));
    if (!options.letters.empty()) {
        LEDGERLINE_TRY(const std::optional<int> code, ask_before(environment, options, decision));
        return code ? *code : decide_each(environment, options, server, decision);
    }

    // Created when there is something to interrupt: until then Ctrl-C ends the command at once, even at a question.
    std::optional<roles::Interrupts> interrupts;
    BulkSettings settings;
    settings.decision = decision;
    LEDGERLINE_TRY(settings.letters, options.filter.query(server, environment.clock.wall_now()));
    settings.operator_name = options.operator_name;
    settings.reason = options.reason;
    settings.letters_max = options.letters_max;
    settings.letters_per_second = options.letters_per_second;
    settings.execute = options.execute;
    settings.output = options.output;
    settings.wait_interrupt = [&](milliseconds at_most) {
        if (!interrupts) interrupts.emplace();
        return interrupts->wait(at_most);
    };
    return decide_in_bulk(environment, settings, server);
}

void declare_decision(Command& family, const roles::Environment& environment, const char* name,
                      const char* description) {
    Command command = family.add(name, description);
    const auto options = declare_server_command<DecisionOptions>(
        command, environment,
        [decision = std::string(name)](const roles::Environment& e, const DecisionOptions& o, Server& s) {
            return decide(e, o, s, decision);
        });
    command.positionals("ID", "The dead letters' ids", options->letters, uuid_rule);
    command.flag({"--all", "", "All parked letters", no_variable}, options->all);
    declare_letter_filter(command, options->filter);
    command.flag({"-y,--yes", "", "Do it without asking", no_variable}, options->execute);
    command.option({"--max", "N", "Decide at most this many, oldest first", no_variable}, options->letters_max, 1,
                   bulk_letters_max);
    command.option({"--rate", "N", "Decide at most this many per second", no_variable}, options->letters_per_second, 1,
                   bulk_rate_max);
    declare_operator(command, options->operator_name, options->reason);
    command.notes(fmt::format(
        "Filters and --all select parked letters. At a terminal the command shows them and asks; elsewhere, and\n"
        "with -o json, nothing happens without --yes.{1} Ctrl-C ends it after the current letter; run the same\n"
        "command again for the rest. Repeating a decision changes nothing. Exit code 1 if a letter has already been\n"
        "decided the other way, or if the answer was no.\n\n"
        "Examples:\n  ledgerline dlq {0} 0199f3c0-7b1c-7def-8abc-0123456789ab\n"
        "  ledgerline dlq {0} --code 23514 --older-than 1h --reason \"the check is fixed\"\n"
        "  ledgerline dlq {0} --account alice --yes --rate 10",
        name,
        name == std::string_view("discard") ? " It also asks about ids: without a terminal they need --yes." : ""));
}

}  // namespace

void declare_dead_letters(Command& parent, const roles::Environment& environment) {
    Command family = parent.add("dlq", "List, show, replay and discard dead letters");
    family.alias("dead-letters");
    family.alias("dead-letter");
    Command list_command = family.add("list", "List dead letters, latest failure first");
    const auto listed = declare_server_command<Options>(list_command, environment, list, Formats::list);
    list_command.choice({"--state", "", "Only letters in this state", no_variable}, listed->state,
                        {"PARKED", "REPLAYED", "DISCARDED"});
    declare_letter_filter(list_command, listed->filter);
    declare_follow(list_command, listed->follow);
    list_command.alternatives("--follow", "--state",
                              "a letter is parked when it comes; 'ledgerline audit' tells who decided on it");
    list_command.option({"--limit", "N", "Print at most this many", no_variable}, listed->limit, 1, list_limit_max);
    list_command.notes("Example:\n  ledgerline dlq list --state PARKED --class permanent --newer-than 1h");

    Command show_command = family.add("show", "Show one dead letter: the message, the error, and who decided");
    show_command.alias("get");
    const auto shown = declare_server_command<Options>(show_command, environment, show);
    show_command.positional("ID", "The dead letter's id", shown->letter, uuid_rule);

    declare_decision(family, environment, "replay", "Apply the transactions of dead letters once more");
    declare_decision(family, environment, "discard", "Give up on dead letters: their transactions become FAILED");
}

}  // namespace ledgerline::cli
