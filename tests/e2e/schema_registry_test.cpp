// The client on a real registry: what may follow what under a subject, and who decides it.
#include "registry/schema_registry.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "http/server/self_signed.h"
#include "lab/schema_registry.h"
#include "lab/temp_dir.h"
#include "registry/topic_schemas.h"

namespace ledgerline::test {
namespace {

using registry::SchemaRegistry;
using testing::HasSubstr;

// Ours, with one text in place of another.
std::string changed(std::string_view from, std::string_view to) {
    std::string schema(registry::events_schema);
    const auto at = schema.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return schema.replace(at, from.size(), to);
}
// A member more that nobody needs to send.
std::string with_one_more() { return changed(R"("reference":{)", R"("note":{"type":"string"},"reference":{)"); }
// Old values do not have it.
std::string with_one_required() {
    return changed(R"("type","idempotency_key"])", R"("type","idempotency_key","reference"])");
}
std::string without_a_version() { return changed(R"({"$ref":"#/definitions/transaction.created.v1"},)", ""); }

std::int32_t entered(const std::string& subject, std::string_view schema) {
    return must(subject, SchemaRegistry(RegistryServer::shared().config()).enter(subject, schema));
}
std::string level_of(const std::string& subject) {
    const json::Value answer = RegistryServer::shared().call("GET", "/config/" + subject);
    const json::Value* level = answer.find("compatibilityLevel");
    return level && level->if_string() ? *level->if_string() : json::serialize(answer);
}
std::string versions_of(const std::string& subject) {
    return json::serialize(RegistryServer::shared().call("GET", fmt::format("/subjects/{}/versions", subject)));
}

TEST(SchemaRegistryTest, TheSameSchemaHasOneIdHoweverOftenItIsEntered) {
    const std::int32_t id = entered("same-value", registry::events_schema);
    EXPECT_EQ(entered("same-value", registry::events_schema), id);
    EXPECT_EQ(versions_of("same-value"), "[1]");
    EXPECT_EQ(RegistryServer::shared().schema(static_cast<std::uint32_t>(id)), registry::events_schema);
    EXPECT_EQ(level_of("same-value"), "BACKWARD");
}

TEST(SchemaRegistryTest, ACompatibleOneFollowsAndTheOneBeforeIsStillFound) {
    const std::int32_t before = entered("grows-value", registry::events_schema);
    const std::int32_t after = entered("grows-value", with_one_more());
    EXPECT_NE(before, after);
    EXPECT_EQ(versions_of("grows-value"), "[1,2]");
    EXPECT_EQ(entered("grows-value", registry::events_schema), before) << "a binary from before starts";
    EXPECT_EQ(versions_of("grows-value"), "[1,2]");
}

TEST(SchemaRegistryTest, OneThatBreaksReadersIsRefusedWithTheReason) {
    entered("breaks-value", registry::events_schema);
    for (const std::string& schema :
         {with_one_required(), without_a_version(), std::string(RegistryServer::of_texts)}) {
        const auto refused = SchemaRegistry(RegistryServer::shared().config()).enter("breaks-value", schema);
        ASSERT_FALSE(refused) << schema;
        EXPECT_EQ(refused.error().code, registry::schema_incompatible);
        EXPECT_EQ(refused.error().disposition, Disposition::stop);
        EXPECT_THAT(refused.error().message, HasSubstr("breaks subject breaks-value"));
        EXPECT_THAT(refused.error().message, HasSubstr("Incompatible")) << "the registry's own words";
    }
    EXPECT_EQ(versions_of("breaks-value"), "[1]");
}

TEST(SchemaRegistryTest, ALaxSubjectIsMadeStrictAndAStricterOneIsLeft) {
    const RegistryServer& server = RegistryServer::shared();
    server.force("lax-value", RegistryServer::of_texts);
    EXPECT_FALSE(SchemaRegistry(server.config()).enter("lax-value", registry::events_schema));
    EXPECT_EQ(level_of("lax-value"), "BACKWARD");
    server.force("strict-value", std::string(registry::events_schema));
    server.call("PUT", "/config/strict-value", R"({"compatibility":"FULL_TRANSITIVE"})");
    const auto added = SchemaRegistry(server.config()).enter("strict-value", with_one_more());
    EXPECT_EQ(level_of("strict-value"), "FULL_TRANSITIVE") << added.has_value();
}

TEST(SchemaRegistryTest, EachTopicHasASchemaThatItTakes) {
    EXPECT_GT(entered("all-value", registry::events_schema), 0);
    EXPECT_GT(entered("all.dlq-value", registry::dead_letters_schema), 0);
    EXPECT_GT(entered("all.outcomes-value", registry::outcomes_schema), 0);
}

TEST(SchemaRegistryTest, IsCalledByHttpsIfItsCertificateIsTrusted) {
    const TempDir dir;
    const auto made = http::make_self_signed({"127.0.0.1"}, SystemClock().wall_now(), std::chrono::days(30));
    const std::string certificate = dir.path() / "cert.pem", key = dir.path() / "key.pem";
    std::ofstream(certificate) << made.certificate;
    std::ofstream(key) << made.key;
    const RegistryServer server(RegistryServer::Tls{certificate, key});
    EXPECT_TRUE(SchemaRegistry(server.config()).enter("tls-value", registry::events_schema));
    registry::RegistryConfig without = server.config();
    without.ca_file.clear();
    const auto refused = SchemaRegistry(without).enter("tls-value", registry::events_schema);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("certificate"));
}

}  // namespace
}  // namespace ledgerline::test
