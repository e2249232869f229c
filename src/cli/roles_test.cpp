// The command lines of the roles.
#include "cli/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kUrl = "postgresql://ledgerline@db/ledgerline";
constexpr int kRan = 42;

struct Variable {
    Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
    ~Variable() { unsetenv(name_); }
    const char* name_;
};

class Roles : public testing::Test {
protected:
    // Returns the exit code; complaints are in err_.
    int call(const std::vector<std::string>& arguments) {
        const RoleCommands roles{
            .up = {},
            .api = [&](const roles::ApiSettings& options) { return api_ = options, kRan; },
            .publisher = [&](const roles::PublisherSettings& options) { return publisher_ = options, kRan; },
            .worker = [&](const roles::WorkerSettings& options) { return worker_ = options, kRan; },
            .notifier = [&](const roles::NotifierSettings& options) { return notifier_ = options, kRan; }};
        std::ostringstream out, err;
        const SystemClock clock;
        SeededRandom random(1);
        const roles::Environment environment{out, err, false, clock, random};
        std::vector<const char*> raw{"ledgerline"};
        for (const std::string& argument : arguments) raw.push_back(argument.c_str());
        const int code = run(environment, static_cast<int>(raw.size()), raw.data(), roles);
        err_ = err.str();
        return code;
    }
    int worker(std::vector<std::string> more = {}) {
        std::vector<std::string> arguments{"worker", "--database-url", kUrl, "--kafka-brokers", "kafka:9092"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return call(arguments);
    }
    std::string complaint(std::vector<std::string> more) {
        EXPECT_EQ(worker(std::move(more)), roles::exit_usage);
        return err_;
    }
    static std::string file(const std::string& text) {
        const std::string path = testing::TempDir() + "/kafka.properties";
        std::ofstream(path) << text;
        chmod(path.c_str(), 0600);
        return path;
    }
    std::string property(const std::string& name) const {
        const auto found = worker_.kafka.properties.find(name);
        return found == worker_.kafka.properties.end() ? "not set" : found->second;
    }

    roles::ApiSettings api_;
    roles::PublisherSettings publisher_;
    roles::WorkerSettings worker_;
    roles::NotifierSettings notifier_;
    std::string err_;
};

TEST_F(Roles, NeedADatabaseAndBrokersAndNothingElse) {
    EXPECT_EQ(worker(), kRan) << err_;
    EXPECT_EQ(worker_.database_url, kUrl);
    EXPECT_EQ(worker_.kafka.brokers, "kafka:9092");
    EXPECT_EQ(worker_.kafka.topic, "transactions");
    EXPECT_EQ(worker_.listen.host, "127.0.0.1");
    EXPECT_EQ(worker_.listen.port, 8081);
    EXPECT_EQ(call({"publisher", "--database-url", kUrl, "--kafka-brokers", "a:1,b:2"}), kRan) << err_;
    EXPECT_EQ(publisher_.listen.port, 8082);
    EXPECT_EQ(publisher_.kafka.brokers, "a:1,b:2");
    EXPECT_EQ(call({"api", "--database-url", kUrl}), kRan) << err_;
    EXPECT_EQ(api_.listen.port, 8080);
    EXPECT_EQ(api_.kafka.brokers, "");
}

TEST_F(Roles, TakeTheUsualVariables) {
    const Variable url("DATABASE_URL", kUrl), brokers("KAFKA_BROKERS", "kafka:9092"),
        listen("LEDGERLINE_LISTEN", "[::1]:1");
    EXPECT_EQ(call({"publisher"}), kRan) << err_;
    EXPECT_EQ(publisher_.database_url, kUrl);
    EXPECT_EQ(publisher_.kafka.brokers, "kafka:9092");
    EXPECT_EQ(publisher_.listen.host, "::1");
}

TEST_F(Roles, OfClientsHaveASecondAddressForProbes) {
    EXPECT_EQ(call({"api", "--database-url", kUrl}), kRan) << err_;
    EXPECT_EQ(api_.listen.probe_host, "");
    EXPECT_EQ(call({"api", "--database-url", kUrl, "--probe-listen", "[::1]:9"}), kRan) << err_;
    EXPECT_EQ(api_.listen.probe_host, "::1");
    EXPECT_EQ(api_.listen.probe_port, 9);
    EXPECT_EQ(worker({"--probe-listen", "127.0.0.1:9"}), roles::exit_usage);
}

TEST_F(Roles, NameWhatIsMissing) {
    EXPECT_EQ(call({"worker", "--kafka-brokers", "kafka:9092"}), roles::exit_usage);
    EXPECT_EQ(err_, "ledgerline worker: --database-url is required (see ledgerline worker --help)\n");
    EXPECT_EQ(call({"publisher", "--database-url", kUrl}), roles::exit_usage);
    EXPECT_EQ(err_, "ledgerline publisher: --kafka-brokers is required (see ledgerline publisher --help)\n");
}

TEST_F(Roles, HaveOnlyTheFlagsThatConcernThem) {
    EXPECT_EQ(worker({"--api-keys-file", "x"}), roles::exit_usage);
    EXPECT_EQ(call({"publisher", "--worker-threads", "1"}), roles::exit_usage);
    EXPECT_EQ(call({"api", "--worker-threads", "1"}), roles::exit_usage);
    EXPECT_EQ(call({"api", "--kafka-topic", "x"}), roles::exit_usage);
}

TEST_F(Roles, ShareTheirConnectionsOut) {
    EXPECT_EQ(worker(), kRan);
    EXPECT_EQ(worker_.listen.connections_per_address, 0);
    EXPECT_EQ(worker_.listen.connections_per_key, 0);
    EXPECT_TRUE(worker_.listen.trusted_proxies.empty());
    const Variable share("LEDGERLINE_CONNECTIONS_PER_ADDRESS", "7");
    EXPECT_EQ(call({"api", "--database-url", kUrl, "--trusted-proxies", "10.0.0.0/8,fd00::/8,192.0.2.1",
                    "--connections-per-key", "5"}),
              kRan)
        << err_;
    EXPECT_EQ(api_.listen.connections_per_address, 7);
    EXPECT_EQ(api_.listen.connections_per_key, 5);
    EXPECT_EQ(api_.listen.trusted_proxies.size(), 3u);
    for (const char* bad : {"10.0.0.0/33", "10.0.0.0/8,", "proxy", "10.0.0.0/8 ,fd00::/8"})
        EXPECT_THAT(complaint({"--trusted-proxies", bad}),
                    HasSubstr("--trusted-proxies must be addresses or networks"));
    EXPECT_THAT(complaint({"--connections-per-address", "-1"}), HasSubstr("--connections-per-address"));
}

TEST_F(Roles, RefuseBrokersThatAreNotHostAndPort) {
    for (const char* bad :
         {"kafka", "kafka:", ":9092", "kafka:x", "kafka:0", "kafka:9092,", "a:1, b:2", "::1:9092", "kafka://a:9092"})
        EXPECT_EQ(call({"worker", "--database-url", kUrl, "--kafka-brokers", bad}), roles::exit_usage) << bad;
    EXPECT_THAT(err_, HasSubstr("--kafka-brokers must be HOST:PORT[,HOST:PORT...]"));
    EXPECT_EQ(call({"worker", "--database-url", kUrl, "--kafka-brokers", "[::1]:9092"}), kRan) << err_;
}

TEST_F(Roles, PutKafkasPropertiesTogether) {
    const Variable protocol("KAFKA_SECURITY_PROTOCOL", "SASL_SSL"), password("KAFKA_SASL_PASSWORD", "from-environment"),
        location("KAFKA_SSL_CA_LOCATION", "/ca"), other("KAFKA_HEAP_OPTS", "-Xmx1g");
    const std::string path =
        file(" # how to log in\n\nsasl.username = reader \r\nsasl.password=from-file\nssl.crl.location=a=b\n");
    EXPECT_EQ(worker({"--kafka-config-file", path, "--kafka-config", "sasl.mechanism=PLAIN", "--kafka-config",
                      "ssl.ca.location=/flag"}),
              kRan)
        << err_;
    EXPECT_EQ(property("sasl.username"), "reader");
    EXPECT_EQ(property("sasl.password"), "from-environment");
    EXPECT_EQ(property("security.protocol"), "SASL_SSL");
    EXPECT_EQ(property("sasl.mechanism"), "PLAIN");
    EXPECT_EQ(property("ssl.ca.location"), "/flag");
    EXPECT_EQ(property("ssl.crl.location"), "a=b");
    EXPECT_EQ(property("heap.opts"), "not set");
}

TEST_F(Roles, RefuseSecretsOnTheCommandLine) {
    for (const char* name : {"sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem",
                             "sasl.oauthbearer.client.secret"}) {
        const std::string said = complaint({"--kafka-config", std::string(name) + "=hush-hush"});
        EXPECT_THAT(said, HasSubstr(name));
        EXPECT_THAT(said, HasSubstr("--kafka-config-file"));
        EXPECT_THAT(said, HasSubstr("KAFKA_S"));
        EXPECT_THAT(said, Not(HasSubstr("hush-hush")));
    }
    EXPECT_THAT(complaint({"--kafka-config", "sasl.password=hush-hush"}), HasSubstr("KAFKA_SASL_PASSWORD"));
}

TEST_F(Roles, NameThePropertyAndThePlaceThatAreWrong) {
    EXPECT_THAT(complaint({"--kafka-config", "no-equals-sign"}), HasSubstr("--kafka-config must be key=value"));
    EXPECT_THAT(complaint({"--kafka-config", "acks=0"}), HasSubstr("acks"));
    EXPECT_THAT(complaint({"--kafka-config-file", "/nowhere/file"}),
                HasSubstr("/nowhere/file: cannot be read: No such file"));
    const std::string path = file("sasl.username=reader\nhush-hush\n");
    EXPECT_THAT(complaint({"--kafka-config-file", path}), HasSubstr(path + " line 2 must be key=value"));
    EXPECT_THAT(err_, Not(HasSubstr("hush-hush")));
}

TEST_F(Roles, RefuseAFileOfSecretsThatEverybodyCanRead) {
    const std::string secret = file("sasl.password=hush-hush\n");
    chmod(secret.c_str(), 0644);
    EXPECT_THAT(complaint({"--kafka-config-file", secret}),
                HasSubstr(secret + ": every user of this machine can read"));
    EXPECT_THAT(err_, Not(HasSubstr("hush-hush")));
    const std::string harmless = file("sasl.username=reader\n");
    chmod(harmless.c_str(), 0644);
    EXPECT_EQ(worker({"--kafka-config-file", harmless}), kRan) << err_;
}

TEST_F(Roles, TakeOnlyNamesAndOriginsThatABrowserWouldSend) {
    const auto api = [&](const char* flag, const char* value) {
        return call({"api", "--database-url", kUrl, flag, value});
    };
    EXPECT_EQ(api("--allowed-hosts", "ledger.example,*.internal.example"), kRan) << err_;
    EXPECT_EQ(api_.listen.allowed_hosts, (std::vector<std::string>{"ledger.example", "*.internal.example"}));
    EXPECT_EQ(api("--cors-origins", "https://desk.example,http://localhost:3000"), kRan) << err_;
    EXPECT_EQ(api_.listen.cors_origins, (std::vector<std::string>{"https://desk.example", "http://localhost:3000"}));
    for (const char* name : {"ledger.example:8080", "Ledger.example", "https://ledger.example", "a,,b", "*"}) {
        EXPECT_EQ(api("--allowed-hosts", name), roles::exit_usage) << name;
        EXPECT_THAT(err_, HasSubstr("--allowed-hosts must be names"));
    }
    for (const char* origin : {"*", "desk.example", "https://desk.example/", "https://desk.example:443", "null"}) {
        EXPECT_EQ(api("--cors-origins", origin), roles::exit_usage) << origin;
        EXPECT_THAT(err_, HasSubstr("--cors-origins must be origins"));
    }
}

}  // namespace
}  // namespace ledgerline::cli
