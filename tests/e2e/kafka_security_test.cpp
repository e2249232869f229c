// The roles on a broker that lets nobody in without TLS, a certificate of the client's own, and a password.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "e2e/program.h"
#include "http/server/self_signed.h"
#include "lab/kafka_broker.h"
#include "lab/temp_dir.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kPassword = "hush-hush-0123456789";

class KafkaSecurity : public testing::Test {
protected:
    KafkaSecurity() {
        for (const char* name : {"broker", "client", "stranger"}) {
            const auto made = http::make_self_signed({"127.0.0.1"}, SystemClock().wall_now(), std::chrono::days(30));
            write(std::string(name) + ".pem", made.certificate, 0644);
            write(std::string(name) + ".key", made.key, 0600);
            if (name == std::string("broker")) write("broker.both.pem", made.key + made.certificate, 0600);
        }
        broker_.emplace(KafkaBroker::Secure{file("broker.both.pem"), file("client.pem"), "ledgerline", kPassword});
    }
    std::string file(const std::string& name) const { return (dir_.path() / name).string(); }
    void write(const std::string& name, const std::string& text, unsigned mode) const {
        std::ofstream(file(name)) << text;
        std::filesystem::permissions(file(name), std::filesystem::perms(mode));
    }
    std::vector<std::string> arguments(const std::string& role, const std::string& certificate = "client") const {
        std::vector<std::string> all{
            role,       "--database-url", database_.url(), "--kafka-brokers", broker_->secure_address(),
            "--listen", "127.0.0.1:0"};
        for (const std::string& property :
             {std::string("security.protocol=SASL_SSL"), std::string("sasl.mechanism=PLAIN"),
              std::string("sasl.username=ledgerline"), "ssl.ca.location=" + file("broker.pem"),
              "ssl.certificate.location=" + file(certificate + ".pem"),
              "ssl.key.location=" + file(certificate + ".key")})
            all.insert(all.end(), {"--kafka-config", property});
        return all;
    }
    static Program::Variables password(const std::string& text) { return {"KAFKA_SASL_PASSWORD=" + text}; }

    const TempDir dir_;
    const TestDatabase database_;
    std::optional<KafkaBroker> broker_;
};

TEST_F(KafkaSecurity, PaymentsGoThrough) {
    RoleProcess api(arguments("api"), password(kPassword)), publisher(arguments("publisher"), password(kPassword)),
        worker(arguments("worker"), password(kPassword));
    ApiClient client(api.port());
    const std::string account = client.open_account();
    const Answer posted = client.post("/v1/transactions", transaction_json(account, "a", 1), {{"Prefer", "wait=30"}});
    EXPECT_EQ(posted.at("status"), "PROCESSED") << posted.text() << worker.program().output();
    EXPECT_TRUE(eventually([&] { return ApiClient(worker.port()).get("/readyz").status == 200; }));
    for (RoleProcess* role : {&api, &publisher, &worker}) {
        EXPECT_EQ(role->stop(), "exit code 0");
        EXPECT_THAT(role->program().output(), Not(HasSubstr("hush-hush")));
    }
}

TEST_F(KafkaSecurity, AWrongPasswordOrCertificateIsNamedAndNothingIsLost) {
    const auto why_not_ready = [&](const std::string& certificate, const std::string& secret) {
        RoleProcess publisher(arguments("publisher", certificate), password(secret));
        std::string reason;
        EXPECT_TRUE(eventually([&] {
            const Answer ready = ApiClient(publisher.port()).get("/readyz");
            reason = ready.at("reasons.kafka");
            return ready.status == 503 && reason != "missing" && !reason.empty();
        }));
        EXPECT_THAT(publisher.program().output(), Not(HasSubstr(secret)));
        return reason;
    };
    EXPECT_NE(why_not_ready("client", "wrong-wrong-0123456789"), "");
    EXPECT_NE(why_not_ready("stranger", kPassword), "");
}

}  // namespace
}  // namespace ledgerline::test
