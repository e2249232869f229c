// Whatever intake takes goes all the way: it is published, applied, listed, traced, replayed and imported. Whatever it
// refuses leaves nothing behind. Thousands of bodies made from a seed, on the whole pipeline; what may be stored is for
// the real PostgreSQL to say.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <sstream>

#include "audit/verify.h"
#include "base/jsonb.h"
#include "base/wakeup.h"
#include "cli/import/run.h"
#include "generated_requests.h"
#include "lab/pipeline.h"

namespace ledgerline::test {
namespace {

constexpr std::size_t kRequests = 10'000;
constexpr std::size_t kBatchItems = 250;
constexpr std::size_t kBatchBytes = 900'000;
constexpr std::uint64_t kSeed = 20'260'131;

// Depth and digits of what PostgreSQL has printed, found without any code of the product.
struct PrintedShape {
    std::size_t depth = 0;
    std::size_t digits = 0;  // of its longest number

    explicit PrintedShape(const std::string& text) {
        std::size_t open = 0, run = 0;
        bool quoted = false;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const char c = text[i];
            if (quoted) {
                if (c == '\\') ++i;
                quoted = c != '"';
                continue;
            }
            quoted = c == '"';
            if (c == '{' || c == '[') depth = std::max(depth, ++open);
            if (c == '}' || c == ']') --open;
            if (c >= '0' && c <= '9') digits = std::max(digits, ++run);
            if (c == ',' || c == ']' || c == '}') run = 0;
        }
    }
};

struct Request : GeneratedRequest {
    explicit Request(GeneratedRequest generated) : GeneratedRequest(std::move(generated)) {}

    std::string account, payee{};          // a payee: it is a transfer
    std::optional<std::string> printed{};  // the metadata, as PostgreSQL prints it; nothing when it takes none of it
    std::string id{};                      // once it is accepted

    bool has_metadata() const { return !metadata.empty(); }
    std::string wrong() const {
        if (wrong_field == "amount_cents" && !payee.empty()) return "legs[0].amount_cents";
        if (!wrong_field.empty()) return wrong_field;
        if (!has_metadata()) return "";
        if (!printed || printed->size() > 16'384) return "metadata";
        const PrintedShape shape(*printed);
        return shape.depth > 16 || shape.digits > 40 ? "metadata" : "";
    }
    std::string body(bool with_metadata = true) const {
        const std::string cents = with_metadata ? amount : "1";
        std::string text =
            payee.empty()
                ? fmt::format(R"({{"account_id":"{}","amount_cents":{},"currency":"EUR","type":"{}")", account, cents,
                              type)
                : fmt::format(
                      R"({{"legs":[{{"from_account_id":"{}","to_account_id":"{}","amount_cents":{},"currency":"EUR"}}])",
                      account, payee, cents);
        text += R"(,"idempotency_key":)";
        json::append_quoted(key, text);
        if (with_metadata && has_metadata()) text += R"(,"metadata":)" + metadata;
        return text + '}';
    }
};

class ValidRequests : public testing::Test {
protected:
    void SetUp() override {
        const char* seed = std::getenv("LEDGERLINE_TEST_SEED");
        seed_ = seed ? std::strtoull(seed, nullptr, 10) : kSeed;
        std::cout << "LEDGERLINE_TEST_SEED=" << seed_ << '\n';
        for (int i = 0; i < 30; ++i) accounts_.push_back(api().account());
        database().run(
            "CREATE FUNCTION printed(t text) RETURNS text LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN t::jsonb::text; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $$");
    }

    const ApiServer& api() const { return pipeline_.api(); }
    const TestDatabase& database() const { return pipeline_.database(); }

    std::vector<std::optional<std::string>> print(const std::vector<std::string>& texts) const {
        db::Connection connection = database().connect();
        static constexpr std::string_view kSql =
            "SELECT printed(t) FROM unnest($1::text[]) WITH ORDINALITY AS u (t, n) ORDER BY n";
        const auto rows = connection.query({"test_print", kSql}, db::Params().add(texts));
        EXPECT_TRUE(rows) << rows.error().message;
        std::vector<std::optional<std::string>> printed;
        for (std::size_t row = 0; rows && row < rows->size(); ++row) printed.push_back(rows->optional_text(row, 0));
        return printed;
    }

    std::vector<Request> generate() {
        RequestGenerator generator(seed_);
        std::vector<Request> requests;
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < kRequests; ++i) {
            Request& request = requests.emplace_back(generator.next());
            request.account = accounts_[i % accounts_.size()];
            if (i % 3 == 0) request.payee = accounts_[(i + 1 + i / accounts_.size()) % accounts_.size()];
            if (request.payee == request.account) request.payee.clear();
            texts.push_back(request.malformed || !request.has_metadata() ? "{}" : request.metadata);
        }
        auto printed = print(texts);
        for (std::size_t i = 0; i < kRequests; ++i) {
            if (requests[i].padded_to == 0 || !printed[i] || printed[i]->size() > requests[i].padded_to) continue;
            texts[i] = requests[i].metadata = padded(requests[i].metadata, requests[i].padded_to - printed[i]->size());
        }
        printed = print(texts);
        for (std::size_t i = 0; i < kRequests; ++i)
            if (requests[i].has_metadata() && !requests[i].malformed) requests[i].printed = printed[i];
        return requests;
    }

    // Posts in batches that wait until everything is decided; gives each request its result.
    template <class Check>
    void post(const std::vector<Request*>& requests, bool with_metadata, Check check) {
        for (std::size_t first = 0; first < requests.size();) {
            std::string body = R"({"transactions":[)";
            std::size_t count = 0;
            for (; first + count < requests.size() && count < kBatchItems && body.size() < kBatchBytes; ++count)
                body += (count > 0 ? "," : "") + requests[first + count]->body(with_metadata);
            const Answer answer = api().post("/v1/transactions/batch", body + "]}",
                                             {{"Content-Type", "application/json"}, {"Prefer", "wait=30"}});
            ASSERT_EQ(answer.status, 200) << json::serialize(answer.body).substr(0, 300);
            const json::Array& results = *answer.body.find("results")->if_array();
            ASSERT_EQ(results.size(), count);
            for (std::size_t i = 0; i < count; ++i) check(*requests[first + i], Answer{0, {}, results[i]}, i);
            first += count;
        }
    }

    void post_malformed(const Request& request) const {
        const Answer answer = api().post("/v1/transactions", request.body());
        EXPECT_EQ(answer.status, 400) << request.body().substr(0, 300);
        EXPECT_EQ(answer.code(), "invalid_json");
        EXPECT_NE(answer.at("detail").find(", at byte "), std::string::npos) << answer.at("detail");
    }

    void post_everything() {
        std::vector<Request*> proper;
        for (Request& request : requests_) request.malformed ? post_malformed(request) : proper.push_back(&request);
        post(proper, true, [&](Request& request, const Answer& result, std::size_t index) {
            const std::string wrong = request.wrong();
            const bool fine = wrong.empty();
            ASSERT_EQ(result.at("status"), fine ? "201" : "400")
                << request.body().substr(0, 400) << "\n"
                << json::serialize(result.body).substr(0, 400) << "\nprinted "
                << request.printed.value_or("nothing").substr(0, 400);
            if (!fine) {
                EXPECT_EQ(result.at("problem.field"), fmt::format("transactions[{}].{}", index, wrong));
                refused_.push_back(&request);
                return;
            }
            request.id = result.at("transaction.id");
            const std::string status = result.at("transaction.status");
            EXPECT_TRUE(status == "PROCESSED" || status == "FAILED") << json::serialize(result.body).substr(0, 400);
            accepted_[request.id] = &request;
        });
    }

    void expect_stored_as_printed() const {
        db::Connection connection = database().connect();
        const auto rows = connection.query({"test_stored", "SELECT id::text, metadata::text FROM accepted"});
        ASSERT_TRUE(rows);
        EXPECT_EQ(rows->size(), accepted_.size()) << "what is refused stores nothing";
        for (std::size_t row = 0; row < rows->size(); ++row) {
            const auto request = accepted_.find(std::string(rows->text(row, 0)));
            ASSERT_NE(request, accepted_.end());
            EXPECT_EQ(rows->optional_text(row, 1), request->second->printed);
        }
    }

    static void expect_same(const Request& request, const json::Value& transaction) {
        const json::Value& metadata = *transaction.find("metadata");
        EXPECT_EQ(metadata.is_null() ? std::nullopt : std::optional(json::to_jsonb(metadata).value_or("too large")),
                  request.printed);
        EXPECT_EQ(*transaction.find("idempotency_key")->if_string(), request.key);
    }

    void expect_all_listed() const {
        std::map<std::string, std::size_t> listed;  // a transfer by both accounts
        for (const std::string& account : accounts_) {
            std::string cursor;
            do {
                const Answer page = api().get("/v1/transactions?limit=1000&account_id=" + account +
                                              (cursor.empty() ? "" : "&cursor=" + cursor));
                ASSERT_EQ(page.status, 200);
                for (const json::Value& transaction : *page.body.find("transactions")->if_array()) {
                    const auto request = accepted_.find(*transaction.find("id")->if_string());
                    ASSERT_NE(request, accepted_.end());
                    expect_same(*request->second, transaction);
                    ++listed[request->first];
                }
                cursor = page.at("next_cursor");
            } while (cursor != "null" && cursor != "missing");
        }
        EXPECT_EQ(listed.size(), accepted_.size());
        for (const auto& [id, times] : listed) EXPECT_EQ(times, accepted_.at(id)->payee.empty() ? 1u : 2u) << id;
    }

    void expect_traced() const {
        std::size_t number = 0;
        for (const auto& [id, request] : accepted_) {
            if (number++ % 20 != 0 && request->padded_to == 0) continue;
            const Answer trace = api().get("/v1/transactions/" + id + "/trace");
            ASSERT_EQ(trace.status, 200);
            expect_same(*request, *trace.body.find("transaction"));
            EXPECT_EQ(trace.at("events.0.published"), "true");
            EXPECT_NE(trace.at("events.0.outcome.status"), "missing");
        }
    }

    void expect_replays() {
        std::vector<Request*> again;
        for (const auto& [id, request] : accepted_) again.push_back(request);
        post(again, true, [](Request& request, const Answer& result, std::size_t) {
            ASSERT_EQ(result.at("status"), "201") << json::serialize(result.body).substr(0, 300);
            EXPECT_EQ(result.at("replayed"), "true");
            EXPECT_EQ(result.at("transaction.id"), request.id);
        });
    }

    void expect_keys_unused() {
        std::vector<Request*> again;
        for (Request* request : refused_)
            if (request->wrong_field != "idempotency_key") again.push_back(request);
        for (Request& request : requests_)
            if (request.malformed) again.push_back(&request);
        EXPECT_GT(again.size(), kRequests / 20);
        post(again, false, [](Request&, const Answer& result, std::size_t) {
            ASSERT_EQ(result.at("status"), "201") << json::serialize(result.body).substr(0, 300);
            EXPECT_EQ(result.at("replayed"), "false");
        });
    }

    void expect_verified() const {
        db::Connection connection = database().connect();
        const auto report = audit::verify(connection, {});
        ASSERT_TRUE(report);
        EXPECT_TRUE(report->ok());
    }

    Pipeline pipeline_;
    std::uint64_t seed_ = 0;
    std::vector<std::string> accounts_;
    std::vector<Request> requests_;
    std::map<std::string, Request*> accepted_;  // by id
    std::vector<Request*> refused_;
};

TEST_F(ValidRequests, GoAllTheWayAndOthersLeaveNothingBehind) {
    requests_ = generate();
    post_everything();
    if (HasFatalFailure()) return;
    EXPECT_GT(accepted_.size(), kRequests / 2);
    EXPECT_GT(refused_.size(), kRequests / 20);
    expect_stored_as_printed();
    expect_all_listed();
    expect_traced();
    expect_replays();
    expect_keys_unused();
    expect_verified();
    EXPECT_EQ(database().value("SELECT count(*) FROM dead_letters"), "0");
}

// Each is refused by the database when it is applied, and so becomes a letter with all that it holds.
TEST_F(ValidRequests, AreReplayedFromTheirDeadLetters) {
    database().run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '22003'; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON decisions FOR EACH ROW WHEN (NEW.kind <> 'PARKED') EXECUTE FUNCTION "
        "refuse()");
    requests_ = generate();
    std::vector<Request*> chosen;
    for (Request& request : requests_)
        if (!request.malformed && request.wrong().empty() && chosen.size() < 200) chosen.push_back(&request);
    std::vector<std::string> letters;
    post(chosen, true, [&](Request& request, const Answer& result, std::size_t) {
        ASSERT_EQ(result.at("status"), "201");
        request.id = result.at("transaction.id");
        letters.push_back(result.at("transaction.dead_letter_id"));
    });
    database().run("DROP TRIGGER refuse ON decisions");
    ASSERT_EQ(letters.size(), chosen.size());
    for (std::size_t i = 0; i < letters.size(); ++i) {
        const Answer letter = api().get("/v1/dead-letters/" + letters[i]);
        ASSERT_EQ(letter.status, 200) << letters[i];
        const auto value = json::parse(letter.at("payload"));
        ASSERT_TRUE(value) << letter.at("payload").substr(0, 300);
        const json::Value* metadata = value->find("payload")->find("metadata");
        // The message of a further place has none.
        const bool is_further = !chosen[i]->payee.empty() && !metadata;
        if (!is_further)
            EXPECT_EQ(metadata ? std::optional(json::to_jsonb(*metadata).value_or("")) : std::nullopt,
                      chosen[i]->printed);
        ASSERT_EQ(api().post("/v1/dead-letters/" + letters[i] + "/replay", "{}").status, 200);
    }
    post(chosen, true, [](Request& request, const Answer& result, std::size_t) {
        EXPECT_EQ(result.at("transaction.id"), request.id);
        EXPECT_TRUE(result.at("transaction.status") == "PROCESSED" || result.at("transaction.status") == "FAILED");
    });
    expect_verified();
}

// Each is held, and then captured or released with the same key and metadata.
TEST_F(ValidRequests, AsHoldsAreOpenedAndSettled) {
    for (std::string& account : accounts_) {
        account = api().account(R"("currency":"EUR","min_balance_cents":-1000000000000000)");
        api().post("/v1/transactions", transaction_json(account, "funds", 1'000'000, "CREDIT"));
    }
    requests_ = generate();
    requests_.erase(requests_.begin() + 600, requests_.end());
    int open = 0;
    for (std::size_t i = 0; i < requests_.size(); ++i) {
        Request& request = requests_[i];
        request.payee.clear();
        const auto call = [&](const std::string& path, const std::string& first) {
            std::string body = "{" + first + R"("idempotency_key":)";
            json::append_quoted(request.key, body);
            if (request.has_metadata()) body += R"(,"metadata":)" + request.metadata;
            return api().post(path, body + "}", {{"Content-Type", "application/json"}, {"Prefer", "wait=30"}});
        };
        const Answer made = call("/v1/holds", fmt::format(R"("account_id":"{}","amount_cents":{},"currency":"EUR",)",
                                                          request.account, request.amount));
        const bool fine = !request.malformed && request.wrong().empty();
        ASSERT_EQ(made.status, fine ? 201 : 400) << made.text().substr(0, 300);
        if (!fine) {
            EXPECT_EQ(made.at("field"), request.malformed ? "missing" : request.wrong());
            continue;
        }
        ASSERT_EQ(made.at("status"), "PROCESSED") << made.text().substr(0, 300);
        ++open;
        const bool captured = i % 2 == 0 && request.amount.size() < 5;  // a large one would leave nothing
        request.key = (captured ? "c" : "r") + std::to_string(i);
        const Answer settled = call("/v1/holds/" + made.at("id") + (captured ? "/capture" : "/release"), "");
        ASSERT_EQ(settled.status, 201) << settled.text().substr(0, 300);
        EXPECT_EQ(settled.at("status"), "PROCESSED");
        EXPECT_EQ(api().get("/v1/holds/" + made.at("id")).at("state"), captured ? "CAPTURED" : "RELEASED");
    }
    EXPECT_GT(open, 300);
    EXPECT_EQ(database().value("SELECT count(*) FROM accounts WHERE held_cents <> 0"), "0");
    expect_verified();
}

std::string csv_field(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + '"';
}

// An import's metadata are texts: what JSON strings of the generated bodies hold.
TEST_F(ValidRequests, AreImportedAndReplayedByTheSameFile) {
    std::string file = "reference,account,type,amount_cents,currency,\"a \"\"note\"\"\"\n";
    std::size_t rows = 0;
    for (const Request& request : generate()) {
        if (!request.wrong_field.empty() || request.malformed || !request.printed) continue;
        if (request.printed->size() > 7'000 || ++rows > 500) continue;
        file += csv_field(request.key) + ",alice,CREDIT,1,EUR," + csv_field(*request.printed) + "\n";
    }
    SystemClock clock;
    SystemRandom random;
    std::ostringstream out, err;
    const roles::Environment environment{out, err, false, clock, random};
    cli::ImportSettings settings;
    settings.server.url = api().url();
    Wakeup never;
    settings.wait_interrupt = [&](milliseconds at_most) { return never.wait(at_most), false; };
    settings.on_progress = [](std::int64_t) {};
    settings.on_interrupt = [] {};
    for (const std::int64_t replayed : {0, 500}) {
        std::istringstream in(file);
        const auto check = cli::check_file(in);
        ASSERT_TRUE(check) << check.error().message;
        in.clear();
        in.seekg(0);
        const auto outcome = cli::run_import(environment, settings, *check, in);
        ASSERT_FALSE(outcome.error) << outcome.error->message;
        EXPECT_EQ(outcome.counts.processed, 500);
        EXPECT_EQ(outcome.counts.replayed, replayed);
    }
    expect_verified();
}

}  // namespace
}  // namespace ledgerline::test
