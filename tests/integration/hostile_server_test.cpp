// Sessions with servers that leave fields out, send what nobody asked for, break off, or fall silent. Whatever comes,
// it is an Error in time, the session is dropped where it is of no use, and the next one works.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/json.h"
#include "db/session.h"
#include "lab/tampering_proxy.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

using Answer = TamperingProxy::Answer;
using After = Answer::After;
using Fields = std::vector<std::pair<char, std::string>>;

constexpr db::Statement kDivide{"test_divide", "SELECT 1 / $1::int"};
constexpr db::Statement kNumber{"test_number", "SELECT 42::bigint, true, NULL::text"};
constexpr db::Statement kInsert{"test_insert", "INSERT INTO numbers VALUES (1)"};

bool is_utf8(const std::string& text) {
    std::string quoted;
    json::append_quoted(text, quoted);
    return json::parse(quoted).has_value();
}

class HostileServer : public testing::Test {
protected:
    db::ConnectionConfig config(milliseconds limit = milliseconds(60'000)) const {
        db::ConnectionConfig config{.url = proxy_.url(), .application_name = "test"};
        config.connect_timeout = limit;
        config.statement_timeout = limit;
        return config;
    }
    // Tampers with messages of the type from now on.
    void tamper(char type, const std::string& bytes, After after = After::go_on) {
        proxy_.tamper([type, bytes, after](std::size_t, char each, const std::string&) -> std::optional<Answer> {
            if (each != type) return std::nullopt;
            return Answer{bytes, after};
        });
    }
    void behave() { proxy_.tamper({}); }

    Result<std::int64_t> number(db::Session& session) {
        return session.run([](db::Connection& connection) -> Result<std::int64_t> {
            LEDGERLINE_TRY(const db::Rows rows, connection.query(kNumber));
            if (!rows.boolean(0, 1)) return 0;
            return rows.int64(0, 0);
        });
    }

    TestDatabase database_;
    TamperingProxy proxy_{database_.url()};
    Metrics metrics_{"test"};
};

// Every field that an ErrorResponse has, absent, empty, foreign, far too long or no text.
TEST_F(HostileServer, ErrorsMayLackAnyField) {
    const std::string huge(1'000'000, 'x'), garbage = "\xff\xfe\xc3";
    struct Case {
        Fields fields;
        std::string code;
        bool usable;
    };
    const Case cases[] = {
        {{{'S', "ERROR"}, {'V', "ERROR"}, {'C', "22012"}, {'M', "division by zero"}}, "22012", true},
        // PgBouncer and others: no V.
        {{{'S', "ERROR"}, {'C', "22012"}, {'M', "division by zero"}}, "22012", true},
        {{{'S', "FATAL"}, {'C', "57P01"}, {'M', "server going away"}}, "57P01", false},
        {{{'S', "FEHLER"}, {'C', "22012"}, {'M', "Division durch Null"}}, "22012", false},
        {{{'C', "22012"}, {'M', "neither severity"}}, "22012", false},
        {{{'S', "ERROR"}, {'V', "PANIC"}, {'C', "53100"}, {'M', "no room"}}, "53100", false},
        {{{'S', "ERROR"}, {'V', "ERROR"}, {'C', "25006"}, {'M', "read-only"}}, "25006", false},
        {{{'S', "ERROR"}, {'V', "ERROR"}, {'C', "42P05"}, {'M', "already exists"}}, "42P05", false},
        {{{'S', "ERROR"}, {'V', "ERROR"}, {'M', "no code"}}, "08006", false},
        {{{'S', "ERROR"}, {'V', "ERROR"}, {'C', ""}, {'M', "empty code"}}, "08006", false},
        {{{'S', "ERROR"}, {'V', "ERROR"}, {'C', "1"}, {'M', "short code"}}, "08006", false},
        {{{'S', "ERROR"}, {'V', "ERROR"}, {'C', "220122"}, {'M', "long code"}}, "08006", false},
        {{{'S', "ERROR"}, {'V', "ERROR"}, {'C', garbage + "ab"}, {'M', "garbage code"}}, "08006", false},
        {{{'S', "ERROR"}, {'V', "ERROR"}, {'C', huge}, {'M', huge}}, "08006", false},
        {{{'S', "ERROR"}, {'V', "ERROR"}, {'C', "22012"}}, "22012", true},
        {{{'S', "ERROR"}, {'V', "ERROR"}, {'C', "22012"}, {'M', huge}}, "22012", true},
        {{{'S', "ERROR"}, {'V', "ERROR"}, {'C', "22012"}, {'M', garbage + "\n\x01"}}, "22012", true},
        {{{'S', garbage}, {'V', ""}, {'C', "22012"}, {'M', ""}}, "22012", false},
        {{{'Q', "unknown field"}}, "08006", false},
        {{}, "08006", false},
    };
    for (const auto& [fields, code, usable] : cases) {
        std::string shown;
        for (const auto& [name, value] : fields) shown += fmt::format("{}={} ", name, value.substr(0, 20));
        SCOPED_TRACE(shown);
        behave();
        auto connection = db::Connection::open(config());
        ASSERT_TRUE(connection) << connection.error().message;
        tamper('E', pg_fields('E', fields));
        const auto rows = connection->query(kDivide, db::Params().add(0));
        ASSERT_FALSE(rows);
        EXPECT_EQ(rows.error().code, code);
        EXPECT_EQ(connection->usable(), usable);
        EXPECT_NE(rows.error().message, "");
        EXPECT_LT(rows.error().message.size(), 2'000u);
        EXPECT_TRUE(is_utf8(rows.error().message)) << rows.error().message;
        behave();
        EXPECT_EQ(connection->query(kNumber).has_value(), usable);
    }
}

// An answer of another shape than the statement has.
TEST_F(HostileServer, AnswersMayHaveAnyShape) {
    const std::string no_column("\0\0", 2), null("\0\1\xff\xff\xff\xff", 6);
    const std::string text("\0\3\0\0\0\3abc\0\0\0\1t\xff\xff\xff\xff", 18);
    const std::string maybe("\0\3\0\0\0\00242\0\0\0\5maybe\xff\xff\xff\xff", 21);
    struct Case {
        const char* what;
        char type;
        std::string bytes;
        After after = After::go_on;
    };
    const Case cases[] = {
        {"no row", 'D', ""},
        {"a row without columns", 'D', pg_message('D', no_column)},
        {"fewer columns than described", 'D', pg_message('D', null)},
        {"text for a number", 'D', pg_message('D', text)},
        {"something else than a boolean", 'D', pg_message('D', maybe)},
        {"a row that ends in the middle of a value", 'D', pg_message('D', std::string("\0\3\0\0\0\x7f", 6) + "4")},
        {"no description", 'T', ""},
        {"no completion", 'C', "", After::be_silent},
        {"an empty completion", 'C', pg_message('C', "")},
        {"a completion of something else", 'C', pg_message('C', std::string("COPY many\0", 10))},
        {"an empty query", 'C', pg_message('I', "")},
        {"a copy that begins", 'C', pg_message('G', std::string("\0\0\0", 3)), After::be_silent},
        {"an unknown kind of message", 'D', pg_message('~', "what")},
        {"a length below its own", 'D', std::string("D\0\0\0\1", 5)},
        {"a length of two gigabytes", 'D', std::string("D\x7f\xff\xff\xff", 5)},
        {"half a message", 'D', std::string("D\0\0\0\x20\0\3", 7), After::close},
        {"nothing and the end", 'D', "", After::close},
        {"endless parameters", '1', pg_message('S', std::string("a\0b\0", 4)) + pg_message('1', "")},
        {"a parameter without a value", '1', pg_message('S', std::string("a\0", 2)) + pg_message('1', "")},
        {"a notice without fields", '1', pg_message('N', std::string("\0", 1)) + pg_message('1', "")},
    };
    for (const auto& [what, type, bytes, after] : cases) {
        SCOPED_TRACE(what);
        behave();
        db::Session session(config(milliseconds(1'500)), metrics_, "test");
        // The session is there before anything is wrong.
        ASSERT_TRUE(session.run([](db::Connection&) -> Result<void> { return {}; }));
        tamper(type, bytes, after);
        const auto wrong = number(session);
        if (wrong) EXPECT_EQ(*wrong, 42);
        if (!wrong) EXPECT_EQ(wrong.error().disposition, Disposition::retry) << wrong.error().message;
        behave();
        // At most one more failure, which tells that the session has been lost.
        auto after_that = number(session);
        if (!after_that) after_that = number(session);
        EXPECT_EQ(after_that.value_or(0), 42) << after_that.error().message;
    }
}

// Silent, broken off or refusing at each message of the server's, from the first one until the session is ready.
TEST_F(HostileServer, AConnectSaysWhereItFailed) {
    std::size_t messages = 0;
    proxy_.tamper([&](std::size_t number, char, const std::string&) -> std::optional<Answer> {
        messages = number + 1;
        return std::nullopt;
    });
    ASSERT_TRUE(db::Connection::open(config()));
    ASSERT_GT(messages, 10u);
    const Answer answers[] = {{"", After::be_silent},
                              {"", After::close},
                              {std::string("R\0\0", 3), After::close},
                              {pg_fields('E', {{'M', "go away"}}), After::close},
                              {pg_fields('E', {{'S', "FATAL"}, {'C', "08P01"}, {'M', "\xff"}}), After::close}};
    std::set<std::string> steps;
    for (std::size_t victim = 0; victim < messages; ++victim)
        for (const Answer& answer : answers) {
            proxy_.tamper([&, victim](std::size_t number, char, const std::string&) -> std::optional<Answer> {
                if (number < victim) return std::nullopt;
                return answer;
            });
            const auto connection = db::Connection::open(config(milliseconds(250)));
            // The last message may be one that nobody waits for.
            if (connection) continue;
            const std::string& message = connection.error().message;
            EXPECT_EQ(connection.error().disposition, Disposition::retry) << message;
            EXPECT_THAT(message, testing::StartsWith(fmt::format("cannot connect to PostgreSQL at 127.0.0.1:{} while ",
                                                                 proxy_.port())));
            EXPECT_TRUE(is_utf8(message)) << message;
            const auto step = message.find("while ") + 6;
            steps.insert(message.substr(step, message.find(':', step) - step));
        }
    EXPECT_THAT(steps, testing::IsSupersetOf({"authenticating", "starting the session", "setting up the session"}));
    behave();
    EXPECT_TRUE(db::Connection::open(config()));
}

// A server that warns while it commits has given up waiting for a standby.
TEST_F(HostileServer, ACommitThatIsWarnedAboutIsInDoubt) {
    database_.run("CREATE TABLE numbers (n int)");
    auto connection = db::Connection::open(config());
    ASSERT_TRUE(connection);
    const std::string warning =
        pg_fields('N', {{'S', "WARNING"}, {'V', "WARNING"}, {'C', "01000"}, {'M', "canceling the wait"}});
    const auto warn_before = [&](const std::string& tag) {
        proxy_.tamper([=](std::size_t, char type, const std::string& body) -> std::optional<Answer> {
            if (type != 'C' || !body.starts_with(tag)) return std::nullopt;
            return Answer{warning + pg_message(type, body), After::go_on};
        });
    };
    warn_before("INSERT");
    const auto warned = connection->commit_pipeline({{db::begin, {}}, {kInsert, {}}, {db::commit, {}}});
    EXPECT_TRUE(warned) << "a warning of a statement says nothing of its commit";
    warn_before("COMMIT");
    const auto doubtful = connection->commit_pipeline({{db::begin, {}}, {kInsert, {}}, {db::commit, {}}});
    ASSERT_FALSE(doubtful);
    EXPECT_EQ(doubtful.error().code, db::outcome_unknown);
    behave();
    EXPECT_EQ(database_.value("SELECT count(*) FROM numbers"), "2");
}

}  // namespace
}  // namespace ledgerline::test
