// What deliveries of webhooks promise beyond the common case: that accounts do not wait for one another, whom a name
// may lead to, and how much of an answer is read.
#include "integration/webhooks_fixture.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;

class WebhookPromises : public Webhooks {
protected:
    // A ping of the endpoint, once it was tried.
    Answer pinged(const Answer& made) const {
        const std::string path = "/v1/webhooks/" + made.at("id");
        const Answer asked = server().post(path + "/ping", "");
        EXPECT_EQ(asked.status, 202) << asked.text();
        const std::string delivery = path + "/deliveries/" + asked.at("id");
        EXPECT_TRUE(eventually([&] { return server().get(delivery).at("status") != "PENDING"; }));
        return server().get(delivery);
    }
};

// One account's message is not answered for as long as the test lives: those of the others are sent beside it.
TEST_F(WebhookPromises, AccountsDoNotWaitForOneAnother) {
    std::vector<std::string> accounts;
    for (int n = 0; n < 4; ++n) accounts.push_back(server().account());
    WebhookReceiver receiver([&](const WebhookMessage& message) {
        return message.member("subject") == accounts[0] ? WebhookReceiver::silence : 204;
    });
    ASSERT_EQ(make(receiver.url()).status, 201);
    auto config = service_config(pipeline_.database());
    config.sender.whole_max = std::chrono::minutes(30);
    notify(config);
    pay(accounts[0], "first");
    ASSERT_TRUE(eventually([&] { return receiver.arrived() == 1; }));
    for (int n = 0; n < 12; ++n) pay(accounts[static_cast<std::size_t>(n % 4)], std::to_string(n));
    ASSERT_TRUE(receives(receiver, 9));
    EXPECT_EQ(receiver.arrived(), 10U) << "what follows in the silent account waits";
}

// Whatever the name led to when the webhook was made, the address counts that it leads to when it is called.
TEST_F(WebhookPromises, ANameThatLeadsToAPrivateAddressIsNotCalled) {
    WebhookReceiver receiver;
    const Answer made = make(fmt::format("http://localhost:{}/hook", receiver.port()));
    ASSERT_EQ(made.status, 201) << made.text();
    auto config = service_config(pipeline_.database());
    config.settings.allowed.clear();
    notify(config);
    const Answer refused = pinged(made);
    EXPECT_EQ(refused.at("status"), "FAILED");
    EXPECT_THAT(refused.at("tries.0.error"), HasSubstr("may not be called"));
    EXPECT_EQ(receiver.arrived(), 0U);
}

// More than the sockets between the two hold.
TEST_F(WebhookPromises, ALongAnswerIsNotReadToItsEnd) {
    WebhookReceiver talking([](const WebhookMessage&) { return 200; });
    std::string answer;
    answer.resize(100'000'000, 'x');
    talking.answer_with("", answer);
    WebhookReceiver brief([](const WebhookMessage&) { return 200; });
    brief.answer_with("", "ok");
    const Answer long_one = make(talking.url()), short_one = make(brief.url());
    notify();
    EXPECT_EQ(pinged(long_one).at("status"), "DELIVERED");
    EXPECT_EQ(pinged(short_one).at("status"), "DELIVERED");
    EXPECT_TRUE(eventually([&] { return brief.answered() == 1; }));
    EXPECT_EQ(talking.answered(), 0U);
}

}  // namespace
}  // namespace ledgerline::test
