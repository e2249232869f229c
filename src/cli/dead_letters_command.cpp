#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/server_command.h"

namespace ledgerline::cli {
namespace {

struct Options {
    ServerOptions server;
    OutputOptions output;
    std::string state;
    std::string letter;
    std::vector<std::string> letters;
    std::int64_t limit = 50;
};

const Field kLetterFields[] = {{"id", "id"},
                               {"state", "state"},
                               {"lane", "lane", Align::right},
                               {"seq", "seq", Align::right},
                               {"error_class", "error_class"},
                               {"error_code", "error_code"},
                               {"attempts", "attempts", Align::right},
                               {"last_failed_at", "last_failed_at"},
                               {"transaction_id", "transaction_id"}};

std::string path_of(const std::string& letter) { return "/v1/dead-letters/" + http::percent_encode(letter); }

Result<int> list(const Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_CHECK(print_pages(environment, options.output, server, "/v1/dead-letters",
                                 query_of("state", options.state), "dead_letters", options.limit, kLetterFields));
    return exit_ok;
}

Result<int> show(const Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const json::Value letter, server.get(path_of(options.letter)));
    print_object(environment, options.output, letter);
    return exit_ok;
}

// Decides every letter named, also after one was refused; an unreachable server ends it.
Result<int> decide(const Environment& environment, const Options& options, Server& server, const std::string& call) {
    std::vector<json::Value> decided;
    int code = exit_ok;
    for (const std::string& letter : options.letters) {
        auto answer = server.send("POST", path_of(letter) + call, {});
        if (answer) {
            decided.push_back(*std::move(answer));
            continue;
        }
        environment.err << fmt::format("ledgerline: {}: {}\n", letter, answer.error().message);
        code = exit_code_of(answer.error());
        if (code != exit_refused) break;
    }
    print_list(environment, options.output, kLetterFields, decided);
    return code;
}

void declare_decision(Command& family, const Environment& environment, const char* name, const char* description) {
    Command command = family.add(name, description);
    const auto options = declare_server_command<Options>(
        command, environment, [call = fmt::format("/{}", name)](const Environment& e, const Options& o, Server& s) {
            return decide(e, o, s, call);
        });
    command.positionals("ID", "The dead letters' ids", options->letters);
    command.notes("Repeating the call changes nothing. Exit code 1 when a letter has been decided the other way.");
}

}  // namespace

void declare_dead_letters(Command& parent, const Environment& environment) {
    Command family = parent.add("dlq", "List, show, replay and discard dead letters");
    Command list_command = family.add("list", "List dead letters, newest first");
    const auto listed = declare_server_command<Options>(list_command, environment, list);
    list_command.choice({"--state", "", "Only letters in this state", no_variable}, listed->state,
                        {"PARKED", "REPLAYED", "DISCARDED"});
    list_command.option({"--limit", "N", "How many at most", no_variable}, listed->limit, 1, list_limit_max);
    list_command.notes("Example:\n  ledgerline dlq list --state PARKED");

    Command show_command = family.add("show", "Show one dead letter, with the message and the error");
    const auto shown = declare_server_command<Options>(show_command, environment, show);
    show_command.positional("ID", "The dead letter's id", shown->letter);

    declare_decision(family, environment, "replay", "Apply the transactions of dead letters once more");
    declare_decision(family, environment, "discard", "Give dead letters up: their transactions end FAILED");
}

}  // namespace ledgerline::cli
