// Connecting: which host and address, with which time limit, what a failure says, and what is in force afterwards.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <fstream>

#include "base/resolve.h"
#include "db/connect_options.h"
#include "db/session_settings.h"
#include "lab/sockets.h"
#include "lab/tampering_proxy.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::Not;

// A variable of the environment while the object lives.
class Variable {
public:
    Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
    Variable(const Variable&) = delete;
    ~Variable() { unsetenv(name_); }

private:
    const char* name_;
};

class ConnectTest : public testing::Test {
protected:
    db::ConnectionConfig config(const std::string& url, milliseconds limit = milliseconds(500)) const {
        db::ConnectionConfig config{.url = url, .application_name = "test"};
        config.connect_timeout = limit;
        return config;
    }
    // The database's URL with this in front of its own host.
    std::string behind(const std::string& host, int port) const {
        const std::string url = proxy_.url();
        const auto own = url.find("host=127.0.0.1&port=");
        return url.substr(0, own) + fmt::format("host={},127.0.0.1&port={},", host, port) +
               url.substr(own + std::string("host=127.0.0.1&port=").size());
    }
    static Error failure_of(const db::ConnectionConfig& config) {
        const auto opened = db::Connection::open(config);
        EXPECT_FALSE(opened);
        return opened ? Error{} : opened.error();
    }
    static std::string setting(db::Connection& connection, const std::string& name) {
        const auto rows = connection.query({"test_setting", "SELECT current_setting($1)"}, db::Params().add(name));
        return rows ? std::string(rows->text(0, 0)) : rows.error().message;
    }
    // For the role of the tests, while the object lives.
    void alter_role(const std::string& setting) const { database_.run("ALTER ROLE CURRENT_USER SET " + setting); }
    void TearDown() override { database_.run("ALTER ROLE CURRENT_USER RESET ALL"); }

    TestDatabase database_;
    TamperingProxy proxy_{database_.url()};
    SilentServer silent_;
    SilentServer closed_{false};
};

TEST_F(ConnectTest, TriesOneHostAfterTheOther) {
    for (const int port : {silent_.port(), closed_.port()}) {
        auto connection = db::Connection::open(config(behind("127.0.0.1", port)));
        ASSERT_TRUE(connection) << connection.error().message;
        EXPECT_TRUE(connection->query({"test_one", "SELECT 1"}));
    }
    EXPECT_TRUE(db::Connection::open(config(behind("/nonexistent", 1))));
    EXPECT_TRUE(db::Connection::open(config(behind("no-such-host.invalid", 1))));
}

TEST_F(ConnectTest, EachAddressOfANameIsTried) {
    std::string url = proxy_.url();
    url.replace(url.find("127.0.0.1"), 9, "localhost");
    EXPECT_TRUE(db::Connection::open(config(url)));
    const auto addresses = resolve("localhost", std::chrono::steady_clock::now() + std::chrono::seconds(30));
    ASSERT_TRUE(addresses);
    EXPECT_THAT(*addresses, testing::Contains("127.0.0.1"));
    EXPECT_EQ(resolve("192.0.2.1", {}).value().front(), "192.0.2.1");
    EXPECT_EQ(resolve("::1", {}).value().front(), "::1");
    const auto late = resolve("localhost", std::chrono::steady_clock::now() - std::chrono::seconds(1));
    if (!late) EXPECT_THAT(late.error().message, HasSubstr("does not answer in time"));
}

TEST_F(ConnectTest, SaysHostStepAndReasonOfEachTryTheLatestFirst) {
    const auto url = fmt::format("postgresql://u:secret@/d?host=127.0.0.1,127.0.0.1,/nonexistent&port={},{},77",
                                 silent_.port(), closed_.port());
    const Error error = failure_of(config(url));
    EXPECT_EQ(error.code, db::connection_lost);
    EXPECT_EQ(error.disposition, Disposition::retry);
    EXPECT_THAT(error.message,
                testing::StartsWith("cannot connect to PostgreSQL at /nonexistent:77 while connecting: "));
    EXPECT_THAT(error.message, HasSubstr(fmt::format("at 127.0.0.1:{} while connecting: ", closed_.port())));
    EXPECT_THAT(error.message, HasSubstr("Connection refused"));
    EXPECT_THAT(error.message, HasSubstr(fmt::format("at 127.0.0.1:{} while negotiating TLS: no answer within 500 ms",
                                                     silent_.port())));
    EXPECT_THAT(failure_of(config("postgresql://no-such-host.invalid/d")).message,
                HasSubstr("at no-such-host.invalid:5432 while resolving its name: "));
}

// The URL's, or else the environment's, or else ours. libpq takes fewer than two seconds for two.
TEST_F(ConnectTest, TakesTheTimeLimitThatItIsGiven) {
    const auto url = fmt::format("postgresql://u@127.0.0.1:{}/d?sslmode=disable", silent_.port());
    const milliseconds minute(60'000);
    EXPECT_THAT(failure_of(config(url + "&connect_timeout=1", minute)).message, HasSubstr("no answer within 2000 ms"));
    EXPECT_THAT(failure_of(config(url + "&connect_timeout=0")).message, HasSubstr("no answer within 500 ms"));
    {
        const Variable variable("PGCONNECT_TIMEOUT", "3");
        EXPECT_THAT(failure_of(config(url, minute)).message, HasSubstr("no answer within 3000 ms"));
        EXPECT_THAT(failure_of(config(url + "&connect_timeout=2", minute)).message,
                    HasSubstr("no answer within 2000 ms"));
    }
    EXPECT_EQ(failure_of(config(url + "&connect_timeout=soon")).code, db::invalid_database_url);
}

TEST_F(ConnectTest, RefusesAUrlWithLibpqsReasonAndWithoutThePassword) {
    const std::pair<const char*, const char*> cases[] = {
        {"postgresql://u:secret@/d?sslmodus=require", "invalid URI query parameter: \"sslmodus\""},
        {"postgresql://u:secret@/d?sslmode=maybe", "invalid sslmode value: \"maybe\""},
        {"postgresql://u:secret@a,b,c:1,2/d?host=x,y&port=1,2,3", "could not match 3 port numbers to 2 hosts"},
        {"postgresql://u:secret@/d?target_session_attrs=best", "invalid target_session_attrs value: \"best\""},
        {"postgresql://u:secret@/d?gssencmode=maybe", "invalid gssencmode value: \"maybe\""},
        {"postgresql://u:secret@[::1/d", "end of string reached"},
        {"postgresql://u:sec%zzret@h/d", "invalid percent-encoded token"},
        {"postgresql//u:secret@h/d", "missing \"=\" after"},
        {"host=h password=my secret", "missing \"=\" after"},
        {"host=h password='my secret", "unterminated quoted string"},
        {"host=h password=a secret=b", "invalid connection option"},
        {"postgresql://u:secret@h:99999/d", "invalid port number: \"99999\""},
        {"postgresql://u:secret@h/d?service=nowhere", "definition of service \"nowhere\" not found"},
        {"just-a-name", "missing \"=\" after \"just-a-name\""},
    };
    for (const auto& [url, reason] : cases) {
        SCOPED_TRACE(url);
        const Error error = failure_of(config(url));
        EXPECT_EQ(error.code, db::invalid_database_url);
        EXPECT_EQ(error.disposition, Disposition::stop);
        EXPECT_THAT(error.message, HasSubstr(reason));
        EXPECT_THAT(error.message, Not(HasSubstr("secret")));
        EXPECT_THAT(error.message, Not(HasSubstr("zzret")));
    }
}

// Waiting does not make these right.
TEST_F(ConnectTest, SaysWhatOnlySomebodyCanMend) {
    std::string tls = proxy_.url();
    tls.replace(tls.find("sslmode=disable"), 15, "sslmode=require");
    // The proxy passes the server's refusal of TLS on as it is: one byte, and no message.
    EXPECT_EQ(failure_of(config("postgresql://u@127.0.0.1/d?sslmode=verify-full&sslrootcert=/nonexistent")).disposition,
              Disposition::retry)
        << "nobody has answered there yet";
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string url = database_.url();
        return url.replace(url.find(from), from.size(), to);
    };
    std::string without_password = database_.url();
    const auto colon = without_password.find(':', without_password.find("//"));
    without_password.erase(colon, without_password.find('@') - colon);
    for (const auto& url : {with("ledgerline:", "ledgerline:not"), with("@/", "@/not_"), without_password})
        EXPECT_EQ(failure_of(config(url)).disposition, Disposition::stop) << failure_of(config(url)).message;

    database_.run("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    std::string latin = database_.url();
    const auto name = latin.find("@/") + 2;
    latin.replace(name, latin.find('?') - name, "latin");
    const Error error = failure_of(config(latin));
    EXPECT_EQ(error.code, db::wrong_encoding);
    EXPECT_EQ(error.disposition, Disposition::stop);
    EXPECT_THAT(error.message, HasSubstr("LATIN1"));
    database_.run("DROP DATABASE latin WITH (FORCE)");
}

TEST_F(ConnectTest, KeepsWhatTheEnvironmentAndServiceFilesAskFor) {
    {
        const Variable options("PGOPTIONS", "-c search_path=from_variable -c my.own=1\\ 2");
        auto connection = db::Connection::open(config(database_.url()));
        ASSERT_TRUE(connection) << connection.error().message;
        EXPECT_EQ(setting(*connection, "search_path"), "from_variable");
        EXPECT_EQ(setting(*connection, "my.own"), "1 2");
        EXPECT_EQ(setting(*connection, "statement_timeout"), "10s");
        // The URL's take their place, as libpq has it.
        auto other = db::Connection::open(config(database_.url() + "&options=--search-path%3Dfrom_url"));
        ASSERT_TRUE(other) << other.error().message;
        EXPECT_EQ(setting(*other, "search_path"), "from_url");
    }
    const TempDir dir;
    const std::string url = database_.url();
    const auto part = [&](const std::string& from, const std::string& to) {
        const auto begin = url.find(from) + from.size();
        return url.substr(begin, url.find_first_of(to, begin) - begin);
    };
    std::string socket_dir = part("host=", "&");
    for (auto at = socket_dir.find("%2F"); at != std::string::npos; at = socket_dir.find("%2F"))
        socket_dir.replace(at, 3, "/");
    std::ofstream(dir.path() / "services") << fmt::format(
        "[ledger]\nhost={}\n{}dbname={}\nuser=ledgerline\npassword={}\noptions=-c search_path=from_service\n",
        socket_dir, url.contains("port=") ? "port=" + part("port=", "&") + "\n" : "", part("@/", "?"),
        part("ledgerline:", "@"));
    const Variable file("PGSERVICEFILE", dir.path() / "services");
    for (const bool by_variable : {true, false}) {
        std::optional<Variable> service;
        if (by_variable) service.emplace("PGSERVICE", "ledger");
        auto connection = db::Connection::open(config(by_variable ? "postgresql://" : "service=ledger"));
        ASSERT_TRUE(connection) << connection.error().message;
        EXPECT_EQ(setting(*connection, "search_path"), "from_service");
    }
}

// Whatever the role's defaults are: statements mean the same, and values look the same.
TEST_F(ConnectTest, TheRolesDefaultsChangeNothing) {
    for (const char* each :
         {"default_transaction_isolation = 'serializable'", "datestyle = 'German'", "timezone = 'Asia/Kolkata'",
          "intervalstyle = 'iso_8601'", "bytea_output = 'escape'", "extra_float_digits = -15",
          "client_encoding = 'LATIN1'", "standard_conforming_strings = off", "array_nulls = off",
          "transform_null_equals = on", "row_security = on", "statement_timeout = 0", "lock_timeout = 0",
          "idle_in_transaction_session_timeout = 0", "synchronous_commit = off", "default_transaction_deferrable = on"})
        alter_role(each);
    const Variable encoding("PGCLIENTENCODING", "LATIN1");
    const Variable style("PGDATESTYLE", "German");
    auto connection = db::Connection::open(config(database_.url()));
    ASSERT_TRUE(connection) << connection.error().message;
    const auto rows = connection->query(
        {"test_values",
         "SELECT timestamptz '2026-01-02 03:04:05+00', interval '1 day', '\\xff'::bytea, 0.1::float8 + 0.2, 'ü€', "
         "('{NULL}'::text[])[1] IS NULL, (NULL = NULL) IS NULL, current_setting('transaction_isolation')"});
    ASSERT_TRUE(rows) << rows.error().message;
    const char* const expected[] = {"2026-01-02 03:04:05+00", "1 day", "\\xff", "0.30000000000000004", "ü€", "t", "t",
                                    "read committed"};
    for (int column = 0; column < 8; ++column) EXPECT_EQ(rows->text(0, column), expected[column]);
    EXPECT_EQ(setting(*connection, "statement_timeout"), "10s");
    EXPECT_EQ(setting(*connection, "lock_timeout"), "5s");
    EXPECT_EQ(setting(*connection, "idle_in_transaction_session_timeout"), "10s");
    EXPECT_EQ(setting(*connection, "synchronous_commit"), "on");
}

TEST_F(ConnectTest, WaitsForStandbysToApplyWhereTheRoleDoes) {
    alter_role("synchronous_commit = 'remote_apply'");
    auto durable = db::Connection::open(config(database_.url()));
    ASSERT_TRUE(durable);
    EXPECT_EQ(setting(*durable, "synchronous_commit"), "remote_apply");
}

// Of several hosts the one that can be written to, unless something else is asked for. The proxy's sessions are made
// read-only on their way, by what the server reports of itself.
TEST_F(ConnectTest, ChoosesAmongHostsByTheSessionsAttributes) {
    TamperingProxy standby(database_.url());
    std::atomic<int> last = 0;  // which of them was asked last: the one that was taken
    standby.tamper(
        [&](std::size_t number, char type, const std::string& body) -> std::optional<TamperingProxy::Answer> {
            if (number == 0) last = standby.port();
            if (type != 'S' || !body.starts_with("in_hot_standby")) return std::nullopt;
            return TamperingProxy::Answer{pg_message('S', std::string("in_hot_standby\0on\0", 18)),
                                          TamperingProxy::Answer::After::go_on};
        });
    proxy_.tamper([&](std::size_t number, char, const std::string&) -> std::optional<TamperingProxy::Answer> {
        if (number == 0) last = proxy_.port();
        return std::nullopt;
    });
    const auto chosen = [&](const std::string& attributes) -> int {
        std::string url = behind("127.0.0.1", standby.port());
        if (!attributes.empty()) url += "&target_session_attrs=" + attributes;
        const auto connection = db::Connection::open(config(url, milliseconds(20'000)));
        return connection ? last.load() : -1;
    };
    for (const char* writable : {"", "read-write", "primary"}) EXPECT_EQ(chosen(writable), proxy_.port()) << writable;
    for (const char* first : {"any", "standby", "prefer-standby", "read-only"})
        EXPECT_EQ(chosen(first), standby.port()) << first;
    // Nobody can be written to: the first one that can be read, unless writing was asked for.
    const std::string only = standby.url() + "&target_session_attrs=read-write";
    EXPECT_THAT(failure_of(config(only)).message, testing::AllOf(HasSubstr("while checking the session's attributes"),
                                                                 HasSubstr("session is read-only")));
}

TEST(ConnectOptions, ReadsServerOptions) {
    using Settings = std::vector<std::pair<std::string, std::string>>;
    EXPECT_EQ(db::parse_server_options(""), Settings());
    EXPECT_EQ(db::parse_server_options("-c a=1 -cb=2  --c-d=3"), (Settings{{"a", "1"}, {"b", "2"}, {"c_d", "3"}}));
    EXPECT_EQ(db::parse_server_options("-c a=x\\ y\\\\"), (Settings{{"a", "x y\\"}}));
    for (const char* other : {"-e", "-c", "-c a", "--=x", "a=b"})
        EXPECT_FALSE(db::parse_server_options(other)) << other;
}

TEST(ConnectOptions, ReadsHosts) {
    const auto options = db::read_connect_options("postgresql://h1:1,h2,[::1]:3/d?connect_timeout=7&password=p");
    ASSERT_TRUE(options);
    ASSERT_EQ(options->targets.size(), 3u);
    EXPECT_EQ(options->targets[0].to_string(), "h1:1");
    EXPECT_EQ(options->targets[1].to_string(), "h2:5432");
    EXPECT_EQ(options->targets[2].to_string(), "[::1]:3");
    EXPECT_EQ(options->connect_timeout, milliseconds(7000));
    const auto addresses = db::read_connect_options("host=a,/run/x hostaddr=10.0.0.1, port=5 dbname=d");
    ASSERT_TRUE(addresses);
    EXPECT_FALSE(addresses->targets[0].is_socket());
    EXPECT_EQ(addresses->targets[0].hostaddr, "10.0.0.1");
    EXPECT_TRUE(addresses->targets[1].is_socket());
    EXPECT_EQ(addresses->targets[1].port, "5");
}

}  // namespace
}  // namespace ledgerline::test
