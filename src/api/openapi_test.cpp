// Checks the OpenAPI document against the API.
#include "api/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "api/api.h"
#include "api/problem_code.h"
#include "api/problem_types.h"
#include "api/records.h"
#include "api/transaction_trace.h"
#include "base/json.h"
#include "feed/outcome.h"
#include "http/problem.h"

namespace ledgerline::api {
namespace {

using Names = std::set<std::string>;

class OpenApi : public testing::Test {
protected:
    OpenApi() : document_(json::parse(openapi_document).value()) {
        api_.add_routes(router_);
        for (const auto& [path, methods] : *document_.find("paths")->if_object())
            for (const auto& [method, operation] : *methods.if_object()) {
                std::string upper = method;
                std::ranges::transform(upper, upper.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
                operations_.emplace(upper.append(" ").append(path), &operation);
            }
    }

    const json::Value& schema(std::string_view name) const {
        return *document_.find("components")->find("schemas")->find(name);
    }
    Names properties_of(std::string_view name) const { return names_in(*schema(name).find("properties")); }
    static Names names_in(const json::Value& object) {
        Names names;
        for (const auto& [name, member] : *object.if_object()) names.insert(name);
        return names;
    }
    // What a key must have to call it. An empty security list means that no key is needed, none that any key will do.
    static http::Scope scope_of(const json::Value& operation) {
        const json::Value* security = operation.find("security");
        if (!security) return http::Scope::any;
        std::set<std::string> named;
        for (const json::Value& requirement : *security->if_array())
            for (const auto& [scheme, scopes] : *requirement.if_object())
                for (const json::Value& scope : *scopes.if_array()) named.insert(*scope.if_string());
        if (named.empty()) return http::Scope::open;
        return named.size() == 1 ? http::parse_scope(*named.begin()).value_or(http::Scope::undeclared)
                                 : http::Scope::undeclared;
    }
    template <class Record>
    static json::Value written(const Record& record) {
        std::string text;
        append_json(record, text);
        return json::parse(text).value();
    }
    template <class Record>
    static Names members_of(const Record& record) {
        return names_in(written(record));
    }

    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
    Metrics metrics_{"test"};
    Wakeup publisher_wakeup_;
    http::ApiKeys keys_{{}, clock_};
    Api api_{ApiConfig{}, keys_, publisher_wakeup_, [](const Error&) {}, {clock_, random_, ids_, metrics_}};
    http::Router router_;
    const json::Value document_;
    std::map<std::string, const json::Value*> operations_;  // by "GET /path"
};

TEST_F(OpenApi, DescribesEveryRouteAndNoOther) {
    Names routes, described;
    for (const http::Route& route : router_.routes()) routes.insert(route.method + ' ' + route.pattern);
    for (const auto& [name, operation] : operations_) described.insert(name);
    EXPECT_EQ(described, routes);
}

TEST_F(OpenApi, NamesOperationsAsTheRoutesAreNamed) {
    for (const http::Route& route : router_.routes()) {
        const json::Value& operation = *operations_.at(route.method + ' ' + route.pattern);
        EXPECT_EQ(*operation.find("operationId")->if_string(), route.name);
        EXPECT_EQ(scope_of(operation), route.scope) << route.name;
        EXPECT_EQ(operation.find("requestBody") != nullptr, route.body_bytes_max > 0) << route.name;
    }
}

TEST_F(OpenApi, ListsEveryScopeAndNoOther) {
    Names scopes, listed;
    for (const http::NamedScope& each : http::named_scopes) scopes.emplace(each.name);
    for (const json::Value& scope : *schema("Scope").find("enum")->if_array()) listed.insert(*scope.if_string());
    EXPECT_EQ(listed, scopes);
}

TEST_F(OpenApi, ListsEveryProblemCodeAndNoOther) {
    Names codes(std::begin(http::edge_code::all), std::end(http::edge_code::all)), listed;
    for (const ProblemKind& kind : problem_kinds()) codes.emplace(kind.name);
    for (const json::Value& code : *schema("ProblemCode").find("enum")->if_array()) listed.insert(*code.if_string());
    EXPECT_EQ(listed, codes);
}

TEST_F(OpenApi, SaysWhatEveryProblemMeans) {
    Names listed;
    for (const json::Value& code : *schema("ProblemCode").find("enum")->if_array()) {
        listed.insert(*code.if_string());
        const auto text = problem_type_json(*code.if_string());
        ASSERT_TRUE(text) << *code.if_string();
        const json::Value type = json::parse(*text).value();
        EXPECT_EQ(*type.find("type")->if_string(), "/problems/" + *code.if_string());
        EXPECT_TRUE(type.find("meaning")->if_string()->ends_with('.')) << *text;
        const auto kind = std::ranges::find(problem_kinds(), *code.if_string(), &ProblemKind::name);
        if (kind != problem_kinds().end()) EXPECT_EQ(type.find("status")->if_int64(), kind->status) << *text;
    }
    const auto may_succeed_later = [](const char* code) {
        return *json::parse(problem_type_json(code).value()).value().find("retry")->if_bool();
    };
    for (const char* code : {"rate_limited", "overloaded", "request_timeout", "outcome_unknown"})
        EXPECT_TRUE(may_succeed_later(code)) << code;
    for (const char* code : {"insufficient_balance", "forbidden", "idempotency_key_reused"})
        EXPECT_FALSE(may_succeed_later(code)) << code;
    EXPECT_EQ(names_in(*schema("ProblemCode").find("x-problems")), listed);
    EXPECT_EQ(problem_type_json("nothing"), std::nullopt);
}

TEST_F(OpenApi, NamesTheRefusalsThatAnyCallCanMeet) {
    for (const auto& [name, operation] : operations_) {
        if (scope_of(*operation) == http::Scope::open) continue;
        for (const char* status : {"401", "403", "429", "500", "503"})
            EXPECT_TRUE(operation->find("responses")->find(status)) << name << ' ' << status;
    }
    // What takes money from what is available can be refused for want of it, if the caller asks for the outcome.
    for (const char* name :
         {"POST /v1/transactions", "POST /v1/transfers", "POST /v1/holds", "POST /v1/transactions/{id}/reverse"})
        EXPECT_TRUE(operations_.at(name)->find("responses")->find("402")) << name;
}

// In the content itself or in its schema.
const json::Value* example_of(const json::Value& content, const json::Value& document) {
    if (const json::Value* example = content.find("example")) return example;
    const json::Value* reference = content.find("schema")->find("$ref");
    if (!reference) return nullptr;
    const std::string name = reference->if_string()->substr(reference->if_string()->rfind('/') + 1);
    const json::Value* examples = document.find("components")->find("schemas")->find(name)->find("examples");
    return examples ? &examples->if_array()->front() : nullptr;
}

TEST_F(OpenApi, ShowsAnExampleOfEveryBodyAndEveryError) {
    for (const auto& [name, operation] : operations_) {
        if (const json::Value* body = operation->find("requestBody"))
            EXPECT_TRUE(example_of(*body->find("content")->find("application/json"), document_)) << name;
        for (const auto& [status, given] : *operation->find("responses")->if_object()) {
            const json::Value* reference = given.find("$ref");
            const json::Value* response =
                reference
                    ? document_.find("components")
                          ->find("responses")
                          ->find(reference->if_string()->substr(std::string_view("#/components/responses/").size()))
                    : &given;
            const json::Value* content = response->find("content");
            if (!content) continue;
            for (const auto& [type, media] : *content->if_object()) {
                const json::Value* example = example_of(media, document_);
                ASSERT_TRUE(example) << name << ' ' << status << ' ' << type;
                if (type != "application/problem+json") continue;
                EXPECT_EQ(std::to_string(example->find("status")->if_int64().value()), status) << name;
                EXPECT_TRUE(problem_type_json(*example->find("code")->if_string())) << name << ' ' << status;
            }
        }
    }
}

TEST_F(OpenApi, ExamplesHaveTheMembersOfTheirSchemas) {
    int examples = 0;
    for (const auto& [name, each] : *document_.find("components")->find("schemas")->if_object()) {
        if (!each.find("properties") || !each.find("examples")) continue;
        for (const json::Value& example : *each.find("examples")->if_array()) {
            ++examples;
            const Names members = names_in(example), known = properties_of(name);
            EXPECT_TRUE(std::ranges::includes(known, members)) << name;
            if (!each.find("required")) continue;
            for (const json::Value& required : *each.find("required")->if_array())
                EXPECT_TRUE(members.contains(*required.if_string())) << name << ' ' << *required.if_string();
        }
    }
    EXPECT_GT(examples, 30);
}

// Prefer: outcome=strict makes a problem of every failure.
TEST_F(OpenApi, EveryFailureCodeIsAProblemCode) {
    const json::Value& codes = *schema("Transaction").find("properties")->find("failure_code")->find("enum");
    int failures = 0;
    for (const json::Value& code : *codes.if_array()) {
        if (code.is_null()) continue;
        ++failures;
        const auto kind = std::ranges::find(problem_kinds(), *code.if_string(), &ProblemKind::name);
        ASSERT_NE(kind, problem_kinds().end()) << *code.if_string();
        const http::Problem answered = problem_of_failure(kind->name, "reason");
        EXPECT_EQ(answered.code, kind->name);
        EXPECT_EQ(answered.status, kind->code == ProblemCode::insufficient_balance ? 402 : 422) << kind->name;
    }
    EXPECT_GT(failures, 0);
}

void collect_references(const json::Value& value, Names& references) {
    if (const json::Array* items = value.if_array())
        for (const json::Value& item : *items) collect_references(item, references);
    if (!value.if_object()) return;
    for (const auto& [name, member] : *value.if_object()) {
        if (name == "$ref") references.insert(*member.if_string());
        collect_references(member, references);
    }
}

// What we add to an answer breaks no client that was generated from this document.
TEST_F(OpenApi, AllowsFurtherMembersInAnswersOnly) {
    Names requests, closed;
    for (const auto& [name, operation] : operations_)
        if (const json::Value* body = operation->find("requestBody")) collect_references(*body, requests);
    for (std::size_t before = 0; before != requests.size();) {
        before = requests.size();
        for (const std::string& reference : Names(requests))
            collect_references(schema(reference.substr(reference.rfind('/') + 1)), requests);
    }
    std::erase_if(requests, [&](const std::string& reference) {
        return schema(reference.substr(reference.rfind('/') + 1)).find("enum") != nullptr;  // no object
    });
    for (const auto& [name, each] : *document_.find("components")->find("schemas")->if_object())
        if (json::serialize(each).contains(R"("additionalProperties":false)"))
            closed.insert("#/components/schemas/" + name);
    EXPECT_EQ(closed, requests);
}

TEST_F(OpenApi, MarksPlacesAsInternal) {
    for (const char* name : {"Account", "RecordedAccountChange", "Entry", "Transaction", "TracedEvent", "DeadLetter",
                             "Outcome", "AccountUpdate"})
        for (const char* member : {"lane", "seq", "applied_seq"})
            if (const json::Value* rule = schema(name).find("properties")->find(member))
                EXPECT_NE(rule->find("x-internal"), nullptr) << name << ' ' << member;
}

// {the resource's plural, next_cursor, has_more}
TEST_F(OpenApi, GivesEveryListTheSameEnvelope) {
    const std::map<std::string, const char*> lists = {{"AccountPage", "accounts"},
                                                      {"EntryPage", "entries"},
                                                      {"AccountChangePage", "changes"},
                                                      {"TransactionPage", "transactions"},
                                                      {"DeadLetterPage", "dead_letters"},
                                                      {"TrialBalance", "currencies"},
                                                      {"EventPage", "events"},
                                                      {"KeyPage", "keys"},
                                                      {"WebhookPage", "webhooks"},
                                                      {"WebhookDeliveryPage", "deliveries"},
                                                      {"AuditPage", "audit"},
                                                      {"ApprovalPage", "approvals"},
                                                      {"Assets", "assets"},
                                                      {"Lanes", "lanes"}};
    for (const auto& [name, plural] : lists) {
        Names required;
        for (const json::Value& each : *schema(name).find("required")->if_array()) required.insert(*each.if_string());
        for (const char* member : {plural, "next_cursor", "has_more"}) EXPECT_TRUE(required.contains(member)) << name;
    }
}

TEST_F(OpenApi, DescribesTheRecordsMemberByMember) {
    EXPECT_EQ(properties_of("Account"), members_of(AccountRecord{}));
    EXPECT_EQ(properties_of("Transaction"), members_of(TransactionRecord{}));
    EXPECT_EQ(properties_of("Entry"), members_of(EntryRecord{}));
    EXPECT_EQ(properties_of("Lane"), members_of(LaneRecord{}));
    EXPECT_EQ(properties_of("Key"), members_of(KeyRecord{.scopes = "[]", .networks = "[]"}));
    Names made = properties_of("MadeKey");
    EXPECT_EQ(made.erase("key"), 1u);
    EXPECT_EQ(made, properties_of("Key"));
    EXPECT_EQ(properties_of("Webhook"), members_of(WebhookRecord{.events = "[]", .account_ids = "[]"}));
    Names made_webhook = properties_of("MadeWebhook");
    EXPECT_EQ(made_webhook.erase("secret"), 1u);
    EXPECT_EQ(made_webhook, properties_of("Webhook"));
    EXPECT_EQ(properties_of("WebhookDelivery"), members_of(DeliveryRecord{.tries = "[]"}));
    EXPECT_EQ(properties_of("AuditEntry"), members_of(AuditRecord{}));
    EXPECT_EQ(properties_of("Approval"), members_of(ApprovalRecord{}));
    AccountChangeRecord change;
    change.before = change.after = "{}";
    EXPECT_EQ(properties_of("RecordedAccountChange"), members_of(change));
    DeadLetterRecord letter;
    letter.headers = "[]";
    letter.decision.emplace();
    EXPECT_EQ(properties_of("DeadLetter"), members_of(letter));
    std::string text;
    append_json(letter, text);
    Names audited;
    for (const auto& [name, value] : *json::parse(text)->find("audit")->if_array()->front().if_object())
        audited.insert(name);
    EXPECT_EQ(properties_of("DeadLetterDecision"), audited);
    EXPECT_EQ(properties_of("DeadLetterSummary"), members_of(DeadLetterSummary{}));
}

TEST_F(OpenApi, DescribesEventsMemberByMember) {
    sql::Told told;
    told.event_id.emplace();
    told.change_number = 1;
    for (const auto& [kind, name] : {std::pair{"POSTED", "Outcome"}, std::pair{"CHANGED", "AccountUpdate"}}) {
        told.kind = kind;
        const json::Value event = written(feed::outcome_of(told));
        EXPECT_EQ(properties_of("Event"), names_in(event));
        EXPECT_EQ(properties_of(name), names_in(*event.find("data"))) << name;
        const json::Value& schemas = *schema("Event").find("properties")->find("dataschema")->find("enum");
        const std::string_view id = *event.find("dataschema")->if_string();
        EXPECT_TRUE(
            std::ranges::any_of(*schemas.if_array(), [&](const auto& each) { return *each.if_string() == id; }));
    }
    Names types;
    for (const json::Value& type : *schema("Event").find("properties")->find("type")->find("enum")->if_array())
        types.insert(*type.if_string());
    EXPECT_EQ(types, Names(feed::outcome_type_names.begin(), feed::outcome_type_names.end()));
}

TEST_F(OpenApi, DescribesTheTraceMemberByMember) {
    TransactionTrace trace;
    sql::TracedEvent& traced = trace.events.emplace_back();
    traced.letter_id.emplace();
    traced.outcome.emplace();
    EXPECT_EQ(properties_of("TransactionTrace"), members_of(trace));
    const json::Value body = written(trace);
    const json::Value& event = body.find("events")->if_array()->front();
    EXPECT_EQ(properties_of("TracedEvent"), names_in(event));
    const json::Value& rules = *schema("TracedEvent").find("properties");
    for (const char* name : {"dead_letter", "outcome"})
        EXPECT_EQ(names_in(*rules.find(name)->find("properties")), names_in(*event.find(name))) << name;
}

TEST_F(OpenApi, RefersToWhatThereIsAndDefinesNothingInVain) {
    Names used, defined;
    collect_references(document_, used);
    for (const char* kind : {"schemas", "parameters", "responses"})
        for (const auto& [name, component] : *document_.find("components")->find(kind)->if_object())
            defined.insert(std::string("#/components/") + kind + "/" + name);
    EXPECT_EQ(used, defined);
}

TEST(ProblemCodes, AreInTheOrderOfTheEnumAndNamedOnce) {
    Names names;
    for (const ProblemKind& kind : problem_kinds()) {
        EXPECT_EQ(&kind_of(kind.code), &kind);
        EXPECT_TRUE(names.emplace(kind.name).second) << kind.name;
        // Every problem that asks for a retry says after how long.
        EXPECT_EQ(kind.retry_after_seconds > 0, kind.status == 503) << kind.name;
    }
}

}  // namespace
}  // namespace ledgerline::api
