// Values that no flag or argument of any command may have, and the messages about them.
#include <functional>

#include "cli/called.h"

namespace ledgerline::cli {
namespace {

// One level of the command line, as shown by its help.
struct Level {
    std::vector<std::string> words;     // its full name
    std::vector<std::string> commands;  // below it
    struct Value {
        std::string flag, value;
    };
    std::vector<Value> flags;  // those with a value
    std::vector<std::string> arguments;
};

Outcome call_words(const std::vector<std::string>& words, const RoleCommands& roles) {
    std::vector<const char*> arguments;
    for (const std::string& word : words) arguments.push_back(word.c_str());
    return call(std::move(arguments), roles);
}

RoleCommands silent_roles() {
    RoleCommands roles;
    roles.up = [](const roles::UpSettings&) { return 0; };
    roles.api = [](const roles::ApiSettings&) { return 0; };
    roles.publisher = [](const roles::PublisherSettings&) { return 0; };
    roles.worker = [](const roles::WorkerSettings&) { return 0; };
    roles.notifier = [](const roles::NotifierSettings&) { return 0; };
    return roles;
}

Level read_level(std::vector<std::string> words, const RoleCommands& roles) {
    Level level{std::move(words), {}, {}, {}};
    std::vector<std::string> asked = level.words;
    asked.push_back("--help");
    const Outcome help = call_words(asked, roles);
    EXPECT_EQ(help.code, roles::exit_ok);
    EXPECT_EQ(help.err, "");
    std::istringstream lines(help.out);
    std::string section;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(' ') && line.ends_with(':')) section = line;
        if (line.empty()) section.clear();
        if (!line.starts_with("  ") || line.starts_with("   ")) continue;
        std::istringstream line_words(line);
        std::string name, value;
        line_words >> name >> value;
        if (name.ends_with(',')) name.pop_back();  // before a command's other names
        const bool has_value = line.substr(2).starts_with(name + " " + value);
        if (section == "Commands:" && name != "help") level.commands.push_back(name);
        if (section == "Arguments:") level.arguments.push_back(name);
        if (section == "Options:" && has_value) level.flags.push_back({name.substr(name.rfind("--")), value});
    }
    return level;
}

void each_level(std::vector<std::string> words, const RoleCommands& roles, int& values,
                const std::function<void(const Level&)>& look) {
    const Level level = read_level(std::move(words), roles);
    look(level);
    values += static_cast<int>(level.flags.size() + level.arguments.size());
    for (const std::string& command : level.commands) {
        std::vector<std::string> below = level.words;
        below.push_back(command);
        each_level(below, roles, values, look);
    }
}

// Read as "not given", an empty value would open the API, widen a filter or name another account.
TEST(CommandValues, NoValueOfAnyCommandMayBeEmptyOrGarbage) {
    const RoleCommands roles = silent_roles();
    int values = 0;
    each_level({}, roles, values, [&](const Level& level) {
        const auto refused = [&](std::vector<std::string> more, const std::string& reason) {
            std::vector<std::string> words = level.words;
            words.insert(words.end(), more.begin(), more.end());
            const Outcome outcome = call_words(words, roles);
            EXPECT_EQ(outcome.code, roles::exit_usage) << reason;
            EXPECT_EQ(outcome.out, "");
            EXPECT_NE(outcome.err.find(reason), std::string::npos) << "no '" << reason << "' in " << outcome.err;
        };
        for (const auto& [flag, value] : level.flags) {
            refused({flag, ""}, flag + " must not be empty");
            refused({flag + "="}, flag + " ");
            refused({flag}, flag + " needs a value");
            if (value != "FILE" && value != "DIR") refused({flag, "\xff"}, flag + " must be valid UTF-8");
        }
        std::vector<std::string> arguments;
        for (const std::string& name : level.arguments) {
            arguments.emplace_back();
            refused(arguments, name + " must not be empty");
            arguments.back() = "\xff";
            if (name != "FILE") refused(arguments, name + " must be valid UTF-8");
            arguments.back() = "0192f0c1-0000-7000-8000-000000000001";  // those before the next one are in order
        }
        refused({"--no-such-flag"}, "there is no flag '--no-such-flag'");
        if (!level.commands.empty()) refused({"no-such-command"}, "there is no command 'no-such-command'");
    });
    EXPECT_GT(values, 150);
}

TEST(CommandValues, NamesTheFlagAndTheRule) {
    const std::string id = "0199f3c0-7b1c-7def-8abc-0123456789ab", long_text(500, 'x');
    const char* const uuid = " must be an id, a UUID in its 36-character form, not '";
    const auto post = [&id](const std::string& amount, const std::string& currency) {
        std::vector<std::string> words = {"tx",     "post",       "--account", id,      "--type",
                                          "CREDIT", "--currency", currency,    "--key", "k"};
        if (!amount.empty()) words.insert(words.end(), {"--amount", amount});
        return words;
    };
    struct Case {
        std::vector<std::string> words;
        std::string said;
    };
    for (const auto& [words, said] : std::vector<Case>{
             {{"tx", "show", "abc"}, std::string("ID") + uuid + "abc'"},
             {{"tx", "trace", "../lanes"}, std::string("ID") + uuid},
             {{"dlq", "show", "7"}, std::string("ID") + uuid},
             {{"dlq", "discard", "--yes", id, "abc"}, std::string("ID") + uuid + "abc'"},
             {{"dlq", "replay", id, id.substr(1)}, std::string("ID") + uuid},
             {{"accounts", "create", "--currency", "EURO"},
              "--currency must be a currency code of three capital letters"},
             {{"sample", "--currency", "eur"}, "--currency must be a currency code of three capital letters"},
             {{"accounts", "create", "--currency", "EUR", "--metadata", "x"},
              "--metadata must be a JSON object (syntax"},
             {{"accounts", "create", "--currency", "EUR", "--metadata", "[1]"},
              "--metadata must be a JSON object, not"},
             {{"tx", "post", "--metadata", "{\"a\":1,\"a\":2}"}, "'a' occurs twice"},
             {{"tx", "post", "--amount-cents", "1.5"}, "--amount-cents must be a whole number from 1 to"},
             {{"tx", "post", "--amount", "-1"}, "--amount must be an amount without a sign, not '-1'"},
             {{"tx", "post", "--amount", "1,250.50"},
              "--amount must be an amount with a point before its decimals and no thousands separators, such as "
              "1250.50, not '1,250.50'"},
             {{"tx", "transfer", "--amount", "1e3"}, "--amount must be an amount written without an exponent"},
             {{"holds", "create", "--amount", ".5"}, "--amount must be an amount with digits on both sides"},
             {{"holds", "capture", id, "--amount", "x"}, "--amount must be a decimal number, such as 12.50, not 'x'"},
             {{"tx", "post", "--amount", "1", "--amount-cents", "1"}, "--amount and --amount-cents cannot be combined"},
             {post("1.505", "EUR"), "--amount must be an amount with at most 2 decimals, those of EUR, not '1.505'"},
             {post("1.5", "JPY"), "--amount must be an amount without decimals: JPY has none, not '1.5'"},
             {post("0", "EUR"), "--amount must be from 0.01 EUR to 10,000,000,000,000.00 EUR, not '0'"},
             {post("10000000000000.01", "EUR"), "--amount must be from 0.01 EUR to"},
             {post("", "EUR"), "--amount or --amount-cents is required"},
             {{"tx", "post", "--type", long_text}, "xxx\u2026'"},
             {{"verify", "--data-dir", "d", "--database-url", "x"}, "--database-url and --data-dir cannot be combined"},
             {{"migrate", "up", "--data-dir=d", "--database-url=x"},
              "--database-url and --data-dir cannot be combined"},
             {{"verify", "--data-dir", "/nowhere"}, "--data-dir: there is no database of ledgerline in /nowhere"},
             {{"database-url", "--data-dir", "/nowhere"},
              "--data-dir: there is no database of ledgerline in /nowhere"}}) {
        const Outcome outcome = call_words(words, silent_roles());
        EXPECT_EQ(outcome.code, roles::exit_usage) << outcome.err;
        EXPECT_EQ(outcome.out, "");
        EXPECT_NE(outcome.err.find(said), std::string::npos) << "no '" << said << "' in " << outcome.err;
        EXPECT_LT(outcome.err.size(), 400u);
    }
}

// A typed --data-dir names the database, whatever the environment sets for the roles.
TEST(CommandValues, OfTwoWaysToNameADatabaseTheTypedOneWins) {
    const Variable url("DATABASE_URL", "postgresql://127.0.0.1:1/db");
    const Variable data_dir("LEDGERLINE_DATA_DIR", "/nowhere");
    EXPECT_NE(complaint({"verify", "--data-dir", "/nowhere"}).find("in /nowhere"), std::string::npos);
    EXPECT_NE(call({"verify", "--database-url", "postgresql://127.0.0.1:2/db"}).err.find("127.0.0.1:2"),
              std::string::npos);
    EXPECT_NE(call({"verify"}).err.find("127.0.0.1:1"), std::string::npos) << "as up has it";
}

}  // namespace
}  // namespace ledgerline::cli
