// The command line as users type it.
#include "cli/command_line.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <vector>

#include "cli/called.h"
#include "cli/kafka_options.h"

namespace ledgerline::cli {
namespace {

TEST(CommandLine, SuggestsTheRightCommandOrFlag) {
    EXPECT_EQ(complaint({"imprt", "x.csv"}), "ledgerline: there is no command 'imprt'. Did you mean 'import'?\n");
    EXPECT_EQ(complaint({"accounts", "lst"}), "ledgerline accounts: there is no command 'lst'. Did you mean 'list'?\n");
    EXPECT_EQ(complaint({"import", "x.csv", "--bach", "5"}),
              "ledgerline import: there is no flag '--bach'. Did you mean '--batch'?\n");
    EXPECT_EQ(complaint({"import", "--bach=5", "x.csv"}),
              "ledgerline import: there is no flag '--bach'. Did you mean '--batch'?\n");
    EXPECT_EQ(complaint({"version", "--frobnicate"}),
              "ledgerline version: there is no flag '--frobnicate' (see ledgerline version --help)\n");
}

TEST(CommandLine, TellsAValueFromACommand) {
    EXPECT_EQ(complaint({"sample", "--currency", "verify", "--accounts", "0"}),
              "ledgerline sample: --accounts must be a whole number from 1 to 10000000, not '0' (see ledgerline sample "
              "--help)\n");
}

TEST(CommandLine, NamesWhatIsMissingOrTooMuch) {
    EXPECT_EQ(complaint({"import"}), "ledgerline import: FILE is required (see ledgerline import --help)\n");
    EXPECT_EQ(complaint({"import", "/nowhere/x.csv"}),
              "ledgerline: cannot read /nowhere/x.csv: No such file or directory\n");
    EXPECT_EQ(complaint({"lanes", "--url"}), "ledgerline lanes: --url needs a value (see ledgerline lanes --help)\n");
    EXPECT_NE(complaint({"version", "extra"}).find("extra"), std::string::npos);
    EXPECT_EQ(complaint({"verify"}),
              "ledgerline: no database given: use --database-url (or DATABASE_URL) or --data-dir\n");
}

TEST(CommandLine, HelpShowsDefaultsVariablesAndExamples) {
    const Outcome help = call({"import", "--help"});
    EXPECT_EQ(help.code, roles::exit_ok);
    EXPECT_EQ(help.err, "");
    for (const char* part :
         {"--connections N", "(default: 4; env: LEDGERLINE_CONNECTIONS)", "default: 10m", "Examples:", "Exit codes:"})
        EXPECT_NE(help.out.find(part), std::string::npos) << part << " in\n" << help.out;
    EXPECT_NE(call({"--help"}).out.find("Exit codes:"), std::string::npos);
}

TEST(CommandLine, ReadsItsOwnVariablesOnly) {
    const Variable batch("LEDGERLINE_BATCH", "none");
    EXPECT_EQ(call({"version"}).code, roles::exit_ok);
    EXPECT_EQ(complaint({"import", "x.csv"}),
              "ledgerline import: --batch must be a whole number from 1 to 1000, not 'none' (see ledgerline import "
              "--help)\n");
}

TEST(CommandLine, AFlagWinsOverItsVariable) {
    const Variable output("LEDGERLINE_OUTPUT", "json");
    EXPECT_TRUE(call({"version"}).out.starts_with("{\"version\":"));
    EXPECT_TRUE(call({"version", "-o", "table"}).out.starts_with("ledgerline "));
}

TEST(CommandLine, SaysThatTheServerIsAway) {
    const Outcome outcome = call({"lanes", "--url", "http://127.0.0.1:1"});
    EXPECT_EQ(outcome.code, roles::exit_unavailable);
    EXPECT_NE(outcome.err.find("http://127.0.0.1:1"), std::string::npos) << outcome.err;
    EXPECT_EQ(call({"lanes", "--url", "ftp://x"}).code, roles::exit_usage);
    EXPECT_EQ(call({"lanes", "--api-key-file", "/nowhere/key"}).code, roles::exit_usage);
}

TEST(CommandLine, TakesUrlsAsPeopleTypeThem) {
    for (const char* url :
         {"127.0.0.1:1", "HTTP://127.0.0.1:1/", "http://127.0.0.1:1/prefix/", "localhost:1", "[::1]:1"})
        EXPECT_EQ(call({"lanes", "--url", url, "--timeout", "2s"}).code, roles::exit_unavailable) << url;
    for (const char* url : {"ftp://127.0.0.1:1", "http:127.0.0.1", "http://u:hush@h", "u:hush@h", "h?x", "h:0", "h:x",
                            "two words", "::1", "http://"}) {
        const Outcome refused = call({"lanes", "--url", url});
        EXPECT_EQ(refused.code, roles::exit_usage) << url;
        EXPECT_NE(refused.err.find("--url: the URL must be [http[s]://]host[:port][/prefix]: "), std::string::npos)
            << refused.err;
        EXPECT_EQ(refused.err.find("hush"), std::string::npos) << refused.err;
    }
    EXPECT_NE(call({"lanes", "--url", "ftp://h"}).err.find("neither http nor https"), std::string::npos);
}

TEST(CommandLine, RefusesAKeyThatNoHeaderCanCarryAndDoesNotRepeatIt) {
    for (const char* key : {"hush\n", "hush\r\nX: y", "hush hush", "hush\x1b", "h\u00fcsh"}) {
        const Variable variable("LEDGERLINE_API_KEY", key);
        const Outcome refused = call({"lanes", "--url", "http://127.0.0.1:1"});
        EXPECT_EQ(refused.code, roles::exit_usage) << key;
        EXPECT_NE(refused.err.find("LEDGERLINE_API_KEY: an API key has only visible ASCII"), std::string::npos)
            << refused.err;
        EXPECT_EQ(refused.err.find("hush"), std::string::npos) << refused.err;
    }
    const Variable trailing("LEDGERLINE_API_KEY", "hush\r");
    EXPECT_EQ(call({"lanes", "--url", "http://127.0.0.1:1"}).code, roles::exit_unavailable) << "of a file with CR LF";
}

TEST(CommandLine, AFileWithAKeyThatCannotBeUsedIsNamed) {
    const std::string path = testing::TempDir() + "ledgerline-key-" + std::to_string(getpid());
    const auto complaint_about = [&](const std::string& text) {
        std::ofstream(path) << text;
        chmod(path.c_str(), 0600);
        return complaint({"lanes", "--api-key-file", path.c_str()});
    };
    const std::string named = "ledgerline: --api-key-file " + path + ": ";
    EXPECT_EQ(complaint_about(""), named + "is empty\n");
    EXPECT_EQ(complaint_about("\nhush\n"), named + "holds no API key\n");
    EXPECT_EQ(complaint_about("hush\x1b\n").find(named + "an API key has only visible"), 0u);
    EXPECT_EQ(complaint_about(std::string(2 * 1024 * 1024, 'x')), named + "is over 1048576 bytes\n");
    std::ofstream(path) << "hush\n";
    chmod(path.c_str(), 0604);
    EXPECT_EQ(complaint({"lanes", "--api-key-file", path.c_str()}),
              named + "every user of this machine can read it (mode 604): chmod o= it, and replace what is in it\n");
    std::remove(path.c_str());
    EXPECT_EQ(complaint({"lanes", "--api-key-file", path.c_str()}),
              named + "cannot be read: No such file or directory\n");
    EXPECT_EQ(complaint({"lanes", "--api-key-file", "/"}),
              "ledgerline: --api-key-file /: cannot be read: Is a directory\n");
}

TEST(CommandLine, RepeatsNoSecret) {
    for (const std::vector<const char*>& arguments :
         std::vector<std::vector<const char*>>{{"verify", "postgresql://u:hush@h/d"},
                                               {"verify", "--database-url", "postgresql://u:hu@hush@h/d"},
                                               {"postgresql://u:hush@h/d"},
                                               {"verify", "--password=hush"},
                                               {"lanes", "--timeout", "password=hush"},
                                               {"version", "password=hush"},
                                               {"accounts", "user:hush@h"}}) {
        const std::string said = complaint(arguments);
        EXPECT_EQ(said.find("hush"), std::string::npos) << said;
    }
}

TEST(CommandLine, RolesExistOnlyWhereTheyAreProvided) {
    for (const char* role : {"up", "api", "publisher", "worker"})
        EXPECT_EQ(call({role}).code, roles::exit_usage) << role;
    roles::UpSettings seen;
    RoleCommands roles;
    roles.up = [&](const roles::UpSettings& options) {
        seen = options;
        return 42;
    };
    EXPECT_EQ(call({"up", "--listen", "[::1]:0", "--data-dir", "d", "--startup-timeout", "2m", "--log-format", "plain"},
                   roles)
                  .code,
              42);
    EXPECT_EQ(seen.listen.host, "::1");
    EXPECT_EQ(seen.listen.port, 0);
    EXPECT_EQ(seen.data_dir, "d");
    EXPECT_EQ(seen.timeouts.startup, milliseconds(120'000));
    EXPECT_EQ(seen.log.format, "plain");
    EXPECT_EQ(seen.kafka.brokers, "");
    for (const char* bad : {"8080", ":8080", "host:", "host:x", "host:65536", "::1:80"})
        EXPECT_EQ(call({"up", "--listen", bad}, roles).code, roles::exit_usage) << bad;
}

const std::vector<std::string> kCommands = {"accounts", "import", "migrate", "verify", "dlq", "database-url"};

TEST(Suggest, CountsEdits) {
    EXPECT_EQ(edit_distance("", ""), 0u);
    EXPECT_EQ(edit_distance("abc", ""), 3u);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
    EXPECT_EQ(edit_distance("verfiy", "verify"), 1u) << "a swap of neighbours is one edit";
    EXPECT_EQ(edit_distance("ca", "abc"), 3u) << "a swapped stretch is not edited again";
}

TEST(Suggest, FindsWhatWasMeant) {
    EXPECT_EQ(closest("imprt", kCommands), "import");
    EXPECT_EQ(closest("acounst", kCommands), "accounts");
    EXPECT_EQ(closest("dql", kCommands), "dlq");
    EXPECT_EQ(closest("data", kCommands), "database-url") << "the only one that it begins";
}

TEST(Suggest, KeepsQuietWhenNothingIsNear) {
    EXPECT_EQ(closest("frobnicate", kCommands), std::nullopt);
    EXPECT_EQ(closest("", kCommands), std::nullopt);
    const std::vector<std::string> similar = {"account", "accounts-all"};
    EXPECT_EQ(closest("acc", similar), std::nullopt) << "two begin with it";
}

TEST(ServiceVariables, AreToldFromSettings) {
    for (const char* name :
         {"KAFKA_SERVICE_HOST", "KAFKA_SERVICE_PORT", "KAFKA_SERVICE_PORT_TLS_EXTERNAL", "KAFKA_PORT",
          "KAFKA_PORT_9093_TCP", "KAFKA_PORT_9093_TCP_PROTO", "KAFKA_PORT_9093_TCP_PORT", "KAFKA_PORT_53_UDP_ADDR",
          "KAFKA_PORT_9_SCTP", "KAFKA_SSL_PORT_OF_CALL_PORT_1_TCP", "LEDGERLINE_PORT"})
        EXPECT_TRUE(is_service_variable(name)) << name;
    for (const char* name : {"KAFKA_SECURITY_PROTOCOL", "KAFKA_SSL_CA_LOCATION", "KAFKA_SASL_KERBEROS_SERVICE_NAME",
                             "KAFKA_SASL_PASSWORD", "LEDGERLINE_LISTEN", "PORT", "KAFKA_PORT_9093", "KAFKA_PORT_TCP",
                             "KAFKA_PORT_9093_TCPX", "KAFKA_PORTAL", "KAFKA_SSL_SUPPORT"})
        EXPECT_FALSE(is_service_variable(name)) << name;
}

TEST(ServiceVariables, AreNoPropertiesOfKafka) {
    const char* const entries[] = {"KAFKA_SSL_SERVICE_HOST=10.0.0.7", "KAFKA_SSL_PORT=tcp://10.0.0.7:9093",
                                   "KAFKA_SASL_PORT_9093_TCP_ADDR=10.0.0.7", "KAFKA_SASL_MECHANISM=PLAIN", nullptr};
    EXPECT_EQ(kafka_properties_of(entries), (KafkaProperties{{"sasl.mechanism", "PLAIN"}}));
}

}  // namespace
}  // namespace ledgerline::cli
