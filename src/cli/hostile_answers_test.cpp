// Every command that calls a server, against servers that are not Ledgerline, are broken, or send text that controls a
// terminal.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/json.h"
#include "base/text.h"
#include "base/uuid.h"
#include "cli/cli.h"
#include "cli/server.h"
#include "cli/stats.h"
#include "lab/answering_server.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

using test::AnsweringServer;
using test::http_answer;
using test::send_all;

constexpr const char* kId = "01a20874-e2ca-767f-bd91-75834eb53280";
// Long enough for a busy machine; calls that should time out use a shorter one.
constexpr const char* kPatience = "20s";

struct Outcome {
    int code = 0;
    std::string out, err;
};

using Words = std::vector<std::string>;

class HostileAnswers : public testing::Test {
protected:
    HostileAnswers() : file_(testing::TempDir() + "ledgerline-hostile-" + std::to_string(getpid()) + ".csv") {
        std::ofstream(file_) << "reference,account,type,amount_cents,currency\nr1,a,CREDIT,1,EUR\n";
    }
    ~HostileAnswers() override { std::remove(file_.c_str()); }

    // Each needs the server's address appended. Commands that ask twice or run for long are listed separately.
    std::vector<Words> quick_commands() const {
        return {{"accounts", "list"},
                {"accounts", "show", "alice"},
                {"accounts", "show", kId},
                {"accounts", "create", "--currency", "EUR"},
                {"accounts", "suspend", kId},
                {"accounts", "activate", kId},
                {"accounts", "entries", kId},
                {"tx", "list"},
                {"tx", "list", "--account", "alice"},
                {"tx", "show", kId},
                {"tx", "trace", kId},
                {"tx", "post", "--account", kId, "--type", "CREDIT", "--amount-cents", "1", "--currency", "EUR",
                 "--key", "k", "--wait", "0"},
                {"dlq", "list"},
                {"dlq", "show", kId},
                {"dlq", "replay", kId},
                {"dlq", "discard", kId, "--yes"},
                {"dlq", "discard", "--all"},
                {"events", "--limit", "1"},
                {"lanes"},
                {"health"},
                {"import", file_, "--give-up", "0s", "--connections", "1"}};
    }
    std::vector<Words> commands() const {
        std::vector<Words> all = quick_commands();
        all.push_back({"top", "--once", "--interval", "100ms"});
        return all;
    }

    Outcome call(Words arguments, const std::string& url, const std::string& timeout = kPatience) {
        arguments.insert(arguments.begin(), "ledgerline");
        arguments.insert(arguments.end(), {"--url", url, "--timeout", timeout});
        std::vector<const char*> argv;
        for (const std::string& argument : arguments) argv.push_back(argument.c_str());
        std::ostringstream out, err;
        const roles::Environment environment{out, err, false, clock_, random_};
        const int code = run(environment, static_cast<int>(argv.size()), argv.data(), {});
        return {code, out.str(), err.str()};
    }

    const std::string file_;
    SystemClock clock_;
    SystemRandom random_;
};

// The keys that the requests carried, each followed by a space.
class Keys {
public:
    void add(const std::string& request) {
        constexpr std::string_view kName = "Idempotency-Key: ";
        const auto at = request.find(kName);
        const std::lock_guard lock(mutex_);
        if (at != std::string::npos)
            all_.push_back(request.substr(at + kName.size(), request.find('\r', at) - at - kName.size()));
        else
            all_.emplace_back("none");
    }
    std::vector<std::string> all() {
        const std::lock_guard lock(mutex_);
        return all_;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> all_;
};

TEST_F(HostileAnswers, AWriteOfUnknownFateIsRepeatedUnderTheSameKey) {
    const std::string unknown = http_answer("503 Service Unavailable", R"({"code":"outcome_unknown"})");
    for (const std::string& first : {unknown, std::string("HTTP/1.1 20"), std::string()}) {
        Keys keys;
        AnsweringServer server([&](int socket, const std::string& request) {
            keys.add(request);
            send_all(socket, keys.all().size() == 1
                                 ? first
                                 : http_answer("201 Created", std::string(R"({"id":")") + kId + "\"}"));
        });
        const Outcome created = call({"accounts", "create", "--currency", "EUR"}, server.url());
        EXPECT_EQ(created.code, roles::exit_ok) << created.err;
        ASSERT_EQ(keys.all().size(), 2u);
        EXPECT_EQ(keys.all()[0], keys.all()[1]);
        EXPECT_TRUE(Uuid::parse(keys.all()[0])) << keys.all()[0];
    }
    Keys keys;
    AnsweringServer server([&](int socket, const std::string& request) {
        keys.add(request);
        send_all(socket, unknown);
    });
    const Outcome given_up =
        call({"accounts", "create", "--currency", "EUR", "--idempotency-key", "k-1"}, server.url());
    EXPECT_NE(given_up.code, roles::exit_ok);
    EXPECT_EQ(keys.all(), std::vector<std::string>(Server::known_tries_max, "k-1"));
    EXPECT_NE(given_up.err.find("--idempotency-key k-1"), std::string::npos) << given_up.err;
}

// The characters that must not reach a terminal, except line ends.
std::string controls_in(const std::string& text) {
    std::string found;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = std::max<std::size_t>(1, utf8_length(text, at));
        const bool valid = utf8_length(text, at) > 0;
        const char32_t c = valid ? utf8_code_point(std::string_view(text).substr(at, length)) : 0;
        if (c != '\n' && (!valid || c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
                          (c >= 0x2066 && c <= 0x2069)))
            found += fmt::format("U+{:04X} at {} ", static_cast<std::uint32_t>(c), at);
        at += length;
    }
    return found;
}

constexpr const char* kHostile = "\x1b[2J\u009b31m\u202eevil\u2028\n\x7f";

// An item with every text that any command shows.
json::Object hostile_item() {
    json::Object item = {{"id", kId}, {"status", "FAILED"}, {"seq", 2}, {"count", 1}, {"published", true}};
    for (const char* name :
         {"account_id",   "code",           "detail",          "reference",       "type",         "currency",
          "failure_code", "failure_reason", "idempotency_key", "created_at",      "processed_at", "error_class",
          "error_code",   "error_message",  "decided_by",      "owner",           "last_error",   "topic",
          "trace_id",     "payload",        "last_failed_at",  "first_failed_at", "operator",     "reason",
          "bulk_id",      "request_id",     "event_id",        "title",           "decision",     "transaction_id",
          kHostile})
        item.emplace_back(name, kHostile);
    item.emplace_back("headers", json::Object{{kHostile, kHostile}});
    item.emplace_back("halts", json::Array{json::Object{{"stage", kHostile}, {"reason", kHostile}}});
    return item;
}

// One answer that fits every request.
std::string hostile_answer() {
    const json::Object item = hostile_item();
    json::Object body = item;
    for (const char* list :
         {"accounts", "transactions", "entries", "dead_letters", "groups", "amounts", "audit", "lanes"})
        body.emplace_back(list, json::Array{item});
    body.emplace_back("transaction", item);
    body.emplace_back("lane", item);
    json::Object event = item;
    event.emplace_back("lane", kHostile);
    event.emplace_back("dead_letter", item);
    event.emplace_back("outcome", item);
    event.emplace_back("data", json::Object{{"transaction", item}, {"failure_code", kHostile}});
    body.emplace_back("next_cursor", kHostile);
    body.emplace_back("events", json::Array{std::move(event)});
    body.emplace_back("results", json::Array{json::Object{{"status", 422}, {"problem", item}}});
    return json::serialize(std::move(body));
}

std::string hostile_stats() {
    json::Object counters;
    for (const auto& [name, counter] : counter_names) counters.emplace_back(name, 1);
    const json::Value none = json::Object{{"bounds_seconds", json::Array{}}, {"counts", json::Array{}}};
    return json::serialize(
        json::Object{{"version", kHostile},
                     {"code", kHostile},
                     {"detail", kHostile},
                     {"counters", std::move(counters)},
                     {"dead_letters_parked", 1},
                     {"latencies", json::Object{{"http", none}, {"intake", none}, {"apply", none}}}});
}

TEST_F(HostileAnswers, NothingInThemReachesATerminal) {
    for (const char* status : {"200 OK", "409 Conflict", "503 Service Unavailable"}) {
        AnsweringServer server([&](int socket, const std::string& request) {
            send_all(socket, http_answer(status, request.contains("/stats ") ? hostile_stats() : hostile_answer()));
        });
        for (const Words& command : commands())
            for (const char* format : {"table", "json"}) {
                Words words = command;
                words.insert(words.end(), {"-o", format});
                const Outcome outcome = call(words, server.url());
                const std::string what = fmt::format("{} {} {}", status, fmt::join(words, " "), outcome.err);
                EXPECT_EQ(controls_in(outcome.out), "") << what;
                EXPECT_EQ(controls_in(outcome.err), "") << what;
                EXPECT_NE((outcome.out + outcome.err).find_first_of("\n"), std::string::npos) << what;
            }
        const Outcome shown = call({"accounts", "show", kId}, server.url());
        EXPECT_NE((shown.out + shown.err).find("\\u001b[2J\\u009b31m\\u202eevil"), std::string::npos) << shown.out;
    }
}

TEST_F(HostileAnswers, OfOtherServersAreNamedWithTheirUrl) {
    struct Case {
        const char* answer;
        const char* said;
        int code;
    };
    const std::string html = http_answer("200 OK", "<html>hello</html>", "Content-Type: text/html\r\n");
    const std::string missing = http_answer("404 Not Found", "<html>no</html>");
    const std::string moved = http_answer("301 Moved Permanently", "", "Location: https://elsewhere/\r\n");
    const std::string other = http_answer("200 OK", R"({"hello":"world"})");
    const std::string list = http_answer("200 OK", "[1,2]");
    const std::string gateway = http_answer("502 Bad Gateway", "<html>bad</html>");
    for (const Case& each : {Case{html.c_str(), "answered 200 with something other than JSON", roles::exit_unavailable},
                             Case{"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", "answered 204 without a body",
                                  roles::exit_unavailable},
                             Case{other.c_str(), "answered without", roles::exit_unavailable},
                             Case{list.c_str(), "answered without", roles::exit_unavailable},
                             Case{missing.c_str(), "answered 404 without saying why", roles::exit_refused},
                             Case{moved.c_str(), "answered 301 and points to https://elsewhere/", roles::exit_refused},
                             Case{gateway.c_str(), "answered 502 without saying why", roles::exit_unavailable},
                             Case{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
                                  "gave no answer: the answer was cut off", roles::exit_unavailable},
                             Case{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                                  "the answer is not HTTP", roles::exit_unavailable},
                             Case{"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP", roles::exit_unavailable},
                             Case{"", "gave no answer: the server closed the connection", roles::exit_unavailable}}) {
        AnsweringServer server(AnsweringServer::always(each.answer));
        for (const Words& command : quick_commands()) {
            const Outcome outcome = call(command, server.url());
            const std::string what = fmt::format("{}\n{}\n{}", fmt::join(command, " "), each.answer, outcome.err);
            EXPECT_EQ(outcome.code, each.code) << what;
            EXPECT_NE(outcome.err.find(each.said), std::string::npos) << what;
            EXPECT_NE(outcome.err.find(server.url()), std::string::npos) << what;
        }
    }
}

TEST_F(HostileAnswers, ThatNeverComeOrNeverEndAreGivenUp) {
    AnsweringServer silent(AnsweringServer::silence());
    silent.hold_connections();
    for (const Words& command : {Words{"lanes"}, Words{"accounts", "list"}, Words{"health"}}) {
        const Outcome outcome = call(command, silent.url(), "200ms");
        EXPECT_EQ(outcome.code, roles::exit_unavailable);
        EXPECT_NE(outcome.err.find(silent.url() + " gave no answer: timed out"), std::string::npos) << outcome.err;
    }
    // Each of these sends for as long as it is read.
    const auto endless = [](std::string head, std::string part) {
        return [head = std::move(head), part = std::move(part)](int socket, const std::string&) {
            if (!send_all(socket, head)) return;
            while (send_all(socket, part)) {
            }
        };
    };
    const std::string block(64 * 1024, ' '), line(64 * 1024, 'x');
    struct Case {
        std::string head, part;
        const char* said;
    };
    for (const Case& each :
         {Case{"HTTP/1.1 200 OK\r\n\r\n", block, "the answer is longer than 64 MiB"},
          Case{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", block, "longer than 64 MiB"},
          Case{"HTTP/1.1 200 OK\r\nA: ", line, "not HTTP"}, Case{"", line, "not HTTP"}}) {
        AnsweringServer server(endless(each.head, each.part));
        const Outcome outcome = call({"lanes"}, server.url());
        EXPECT_EQ(outcome.code, roles::exit_unavailable) << each.head;
        EXPECT_NE(outcome.err.find(each.said), std::string::npos) << each.head << outcome.err;
    }
}

// Bodies of random shapes, with every status and framing.
class RandomAnswers {
public:
    explicit RandomAnswers(std::uint64_t seed) : random_(seed) {}

    std::string next() {
        constexpr const char* kStatuses[] = {"200 OK",       "201 Created",        "204 No Content",  "302 Found",
                                             "400 Bad",      "404 Not Found",      "409 Conflict",    "422 X",
                                             "429 Too Many", "500 Internal Error", "503 Unavailable", "999 What"};
        std::string body;
        value(body, 0);
        if (random_.below(8) == 0) body.resize(random_.below(body.size() + 1));
        std::string head = std::string("HTTP/1.1 ") + pick(kStatuses) + "\r\nConnection: close\r\n";
        if (random_.below(10) == 0) head += "Retry-After: 0\r\n";
        if (random_.below(10) == 0) head += "Location: /\r\n";
        switch (random_.below(4)) {
            case 0:
                return head + "\r\n" + body;
            case 1:
                return head +
                       fmt::format("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n", body.size(), body);
            default:
                return head + fmt::format("Content-Length: {}\r\n\r\n{}", body.size(), body);
        }
    }

private:
    template <std::size_t size>
    const char* pick(const char* const (&texts)[size]) {
        return texts[random_.below(size)];
    }

    void value(std::string& out, int depth) {
        constexpr const char* kScalars[] = {"null",
                                            "true",
                                            "0",
                                            "-1",
                                            "1e400",
                                            "9223372036854775808",
                                            "1.5",
                                            "\"\"",
                                            "\"PROCESSED\"",
                                            "\"\\u001b[2J\"",
                                            "\"2026-01-01T00:00:00Z\"",
                                            "\"01a20874-e2ca-767f-bd91-75834eb53280\"",
                                            "\"\xff\"",
                                            "nonsense"};
        constexpr const char* kNames[] = {"id",      "accounts",    "transactions", "entries",   "dead_letters",
                                          "lanes",   "events",      "results",      "status",    "count",
                                          "groups",  "amounts",     "code",         "detail",    "next_cursor",
                                          "audit",   "transaction", "lane",         "published", "dead_letter",
                                          "outcome", "seq",         "account_id",   "halts"};
        const std::uint64_t kind = random_.below(depth < 4 ? 4 : 1);
        if (kind == 0) {
            out += pick(kScalars);
        } else if (kind == 1) {
            out += '[';
            for (std::uint64_t i = 0, size = random_.below(4); i < size; ++i) {
                if (i > 0) out += ',';
                value(out, depth + 1);
            }
            out += ']';
        } else {
            out += '{';
            for (std::uint64_t i = 0, size = random_.below(8); i < size; ++i) {
                if (i > 0) out += ',';
                out += fmt::format("\"{}\":", pick(kNames));
                value(out, depth + 1);
            }
            out += '}';
        }
    }

    SeededRandom random_;
};

TEST_F(HostileAnswers, OfAnyShapeEndInAnExitCodeAndAMessage) {
    RandomAnswers answers(7);
    std::string last;
    AnsweringServer server([&](int socket, const std::string&) {
        last = answers.next();
        send_all(socket, last);
    });
    for (int round = 0; round < 100; ++round)
        for (const Words& command : quick_commands()) {
            const Outcome outcome = call(command, server.url());
            const std::string what = fmt::format("{}\n{}\n{}", fmt::join(command, " "), last, outcome.err);
            ASSERT_GE(outcome.code, roles::exit_ok) << what;
            ASSERT_LE(outcome.code, roles::exit_unavailable) << what;
            ASSERT_TRUE(outcome.code == roles::exit_ok || !outcome.err.empty() || !outcome.out.empty()) << what;
            ASSERT_EQ(controls_in(outcome.out + outcome.err), "") << what;
        }
}

}  // namespace
}  // namespace ledgerline::cli
