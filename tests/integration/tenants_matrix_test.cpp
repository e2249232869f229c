// One tenant never sees or changes what belongs to another one: every operation of the OpenAPI document, at every
// position of an id, in path, query and body, called with an id of another tenant. What is asked is as if there were
// nothing with that id; and the same call by the owner, or for an own object, finds it.
//
// An operation with a position that this test does not know fails it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "api/openapi.h"
#include "http/scope.h"
#include "lab/api_server.h"

namespace ledgerline::test {
namespace {

using json::Object;
using json::Value;

// What one tenant has, and the key it is called with.
struct Owner {
    std::string key;
    std::map<std::string, std::string> has;  // by the name of what it is: "accounts", "transactions", ...
};

// One call. accepted: by whom it is sent, any status of the owner's own call but 404.
struct Call {
    std::string method, target, body;
    std::string position;  // for messages
    bool is_list = false;
};

const Value* resolved(const Value& document, const Value* schema) {
    while (const Value* ref = schema ? schema->find("$ref") : nullptr) {
        schema = &document;
        const std::string path = *ref->if_string();
        for (std::size_t at = 2; at < path.size() + 1;) {
            const std::size_t end = std::min(path.find('/', at), path.size());
            schema = schema->find(path.substr(at, end - at));
            at = end + 1;
        }
    }
    return schema;
}

// The members of a body that name something: "account_id", "legs.0.from_reference".
void add_positions(const Value& document, const Value* schema, const std::string& path, std::set<std::string>& found) {
    schema = resolved(document, schema);
    if (!schema) return;
    for (const char* choice : {"oneOf", "anyOf", "allOf"})
        if (const Value* choices = schema->find(choice))
            for (const Value& each : *choices->if_array()) add_positions(document, &each, path, found);
    if (const Value* items = schema->find("items")) add_positions(document, items, path + "0.", found);
    const Value* properties = schema->find("properties");
    if (!properties) return;
    // bulk_id is made by the caller; a transaction's reference is a name that means something to the caller alone.
    static const std::set<std::string> kOwnNames = {"bulk_id", "reference"};
    for (const auto& [name, property] : *properties->if_object()) {
        const bool names_something = name.ends_with("_id") || name.ends_with("reference");
        if (names_something && !kOwnNames.contains(name)) found.insert(path + name);
        add_positions(document, &property, path + name + ".", found);
    }
}

// Sets the member at that path. Others that say the same in another way are left out.
void set(Value& body, const std::string& path, const std::string& text) {
    const std::size_t dot = path.find('.');
    const std::string name = path.substr(0, dot);
    if (json::Array* array = body.if_array()) return set(array->at(std::stoul(name)), path.substr(dot + 1), text);
    Object& object = *body.if_object();
    const auto member = [&](const std::string& wanted) {
        return std::ranges::find(object, wanted, [](const json::Member& each) { return each.first; });
    };
    if (dot != std::string::npos) return set(member(name)->second, path.substr(dot + 1), text);
    const std::size_t end = name.ends_with("_account_id")  ? name.size() - 11
                            : name.ends_with("_id")        ? name.size() - 3
                            : name.ends_with("_reference") ? name.size() - 10
                                                           : name.size();
    const std::string side = name.substr(0, end);
    for (const char* other : {"_account_id", "_id", "_reference", "_external"})
        if (const auto found = member(side + other); found != object.end()) object.erase(found);
    object.emplace_back(name, text);
}

class TenantsMatrix : public testing::Test {
protected:
    TenantsMatrix() {
        admin_ = server_
                     .post("/v1/keys", R"({"name":"all","scopes":["admin"],"may_overdraw":true,)"
                                       R"("may_credit_external":true})")
                     .at("key");
        EXPECT_TRUE(eventually([&] { return server_.get("/v1/assets").status == 401; }));
        mine_ = make_owner("mine");
        theirs_ = make_owner("theirs");
    }

    Answer call(const Owner& owner, const std::string& method, const std::string& target,
                const std::string& body = "") {
        return server_.call(method, target, body,
                            {{"X-API-Key", owner.key}, {"Idempotency-Key", fmt::format("call-{}", ++calls_)}});
    }
    Answer made(const Owner& owner, const std::string& target, const std::string& body) {
        Answer answer = call(owner, "POST", target, body);
        EXPECT_EQ(answer.status, 201) << target << answer.text();
        return answer;
    }

    Owner make_owner(const std::string& tenant) {
        EXPECT_EQ(server_.call("PUT", "/v1/tenants/" + tenant, "", {{"X-API-Key", admin_}}).status, 201);
        const Answer key = server_.post(
            "/v1/keys", R"({"name":"own","scopes":["admin"],"may_overdraw":true,"may_credit_external":true})",
            {{"X-API-Key", admin_}, {"X-Tenant", tenant}});
        EXPECT_EQ(key.status, 201) << key.text();
        Owner owner{key.at("key"), {{"keys", key.at("id")}}};
        EXPECT_TRUE(eventually([&] { return call(owner, "GET", "/v1/assets").status == 200; }));
        owner.has["reference"] = tenant + "-account";
        owner.has["accounts"] =
            made(owner, "/v1/accounts", fmt::format(R"({{"currency":"EUR","reference":"{}-account"}})", tenant))
                .at("id");
        owner.has["other reference"] = tenant + "-other";
        owner.has["other"] =
            made(owner, "/v1/accounts", fmt::format(R"({{"currency":"EUR","reference":"{}-other"}})", tenant)).at("id");
        const auto credit = [&](const std::string& more) {
            return made(owner, "/v1/transactions",
                        fmt::format(R"({{"account_id":"{}","amount_cents":900,"currency":"EUR","type":"CREDIT"{}}})",
                                    owner.has["accounts"], more))
                .at("id");
        };
        owner.has["transactions"] = credit(fmt::format(R"(,"reference":"{}-name")", tenant));
        owner.has["name"] = tenant + "-name";
        owner.has["idempotency_key"] = fmt::format("call-{}", calls_);
        server_.apply(owner.has["transactions"]);
        owner.has["holds"] =
            made(owner, "/v1/holds",
                 fmt::format(R"({{"account_id":"{}","amount_cents":5,"currency":"EUR"}})", owner.has["accounts"]))
                .at("id");
        owner.has["dead-letters"] = server_.park(credit(""));
        owner.has["lane"] = server_.database().value(
            fmt::format("SELECT lane FROM account_settings WHERE id = '{}'", owner.has["accounts"]));
        const Answer asked = call(owner, "PATCH", "/v1/accounts/" + owner.has["other"], R"({"status":"CLOSED"})");
        EXPECT_EQ(asked.status, 202) << asked.text();
        owner.has["approvals"] = asked.at("id");
        return owner;
    }

    // All that is stored, but for what a refused call may leave in the audit, and when keys were last used.
    std::string stored() const {
        std::string sql = "SELECT md5(concat(";
        for (const char* table :
             {"account_settings", "account_changes", "account_keys", "accepted", "places", "decisions", "dead_letters",
              "dead_letter_decisions", "api_keys", "tenants", "approvals"})
            sql += fmt::format("(SELECT string_agg(t::text, '' ORDER BY t::text) FROM {} t), ", table);
        return server_.database().value(sql + "(SELECT count(*) FROM audit WHERE action <> 'login_refused')))");
    }

    // A good body of an operation of that owner.
    static Value body_of(const std::string& operation, const Owner& owner) {
        const auto one = [&](const std::string& more) {
            return fmt::format(R"({{"account_id":"{}","amount_cents":1,"currency":"EUR"{}}})", owner.has.at("accounts"),
                               more);
        };
        const std::string credit = one(R"(,"type":"CREDIT")");
        const std::string transfer =
            fmt::format(R"({{"legs":[{{"from_account_id":"{}","to_account_id":"{}","amount_cents":1,)"
                        R"("currency":"EUR"}}]}})",
                        owner.has.at("accounts"), owner.has.at("other"));
        const auto keyed = [](std::string text) {
            static int batches = 0;
            text.insert(1, fmt::format(R"("idempotency_key":"in-batch-{}",)", ++batches));
            return text;
        };
        const std::map<std::string, std::string> bodies = {
            {"create_transaction", credit},
            {"create_transfer", transfer},
            {"create_transactions", fmt::format(R"({{"transactions":[{}]}})", keyed(credit))},
            {"create_transactions.legs", fmt::format(R"({{"transactions":[{}]}})", keyed(transfer))},
            {"create_hold", one("")},
            {"change_account", R"({"status":"SUSPENDED"})"},
            {"ensure_account", R"({"currency":"EUR"})"}};
        const auto body = bodies.find(operation);
        return json::parse(body == bodies.end() ? "{}" : body->second).value();
    }

    // What stands at a position of that name: nothing when the test does not know.
    static std::optional<std::string> named_by(const std::string& path, const std::string& name, const Owner& owner) {
        const std::string of = path.substr(4, path.find('/', 4) - 4);
        if (name == "id") return owner.has.at(of);
        if (name == "reference") return owner.has.at(of == "accounts" ? "reference" : "name");
        if (name == "subject") return owner.has.at("accounts");
        if (name == "key_id") return owner.has.at("keys");
        if (name == "lane" || name == "idempotency_key") return owner.has.at(name);
        if (name.ends_with("_id")) return owner.has.at("accounts");
        if (name.ends_with("reference")) return owner.has.at("reference");
        return std::nullopt;
    }

    // Calls visit for each position of an id in the document, with a maker of the call that names an owner's there.
    using Make = std::function<Call(const Owner& caller, const Owner& named)>;
    void for_each_position(const std::function<void(const std::string& operation, const Make& make)>& visit) {
        for (const auto& [path, methods] : *document_.find("paths")->if_object())
            for (const auto& [method, operation] : *methods.if_object())
                if (path.starts_with("/v1/")) visit_operation(path, method, operation, visit);
    }

    // Whether it is of all tenants, for keys of the default one.
    static bool is_shared(const Value& operation) {
        const Value* security = operation.find("security");
        const Value* names =
            security && !security->if_array()->empty() ? security->if_array()->front().find("ApiKey") : nullptr;
        if (!names || names->if_array()->empty()) return false;
        const auto scope = http::parse_scope(*names->if_array()->front().if_string());
        return scope && http::is_of_installation(*scope);
    }

    void visit_operation(const std::string& path, std::string method, const Value& operation,
                         const std::function<void(const std::string&, const Make&)>& visit) {
        const std::string id = *operation.find("operationId")->if_string();
        if (is_shared(operation)) return;
        std::ranges::transform(method, method.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
        const bool is_list = method == "GET" && path.find('{') == std::string::npos;
        const auto with_body = [id](const Owner& caller) { return json::serialize(body_of(id, caller)); };
        bool dry = false;
        if (const Value* parameters = operation.find("parameters"))
            for (const Value& each : *parameters->if_array()) {
                const Value* parameter = resolved(document_, &each);
                const std::string in = *parameter->find("in")->if_string(),
                                  name = *parameter->find("name")->if_string();
                dry |= name == "dry_run";
                if (in == "path")
                    visit(id, [=](const Owner& caller, const Owner& named) {
                        std::string target = path;
                        target.replace(target.find('{'), name.size() + 2, *named_by(path, name, named));
                        return Call{method, target, method == "GET" ? "" : with_body(caller), "path " + name};
                    });
                const std::set<std::string> others = {"status",        "limit",         "cursor", "type",
                                                      "currency",      "created_after", "state",  "created_before",
                                                      "error_class",   "error_code",    "order",  "failed_after",
                                                      "failed_before", "from",          "to",     "at",
                                                      "dry_run",       "after",         "wait"};
                if (in != "query" || others.contains(name)) continue;
                EXPECT_TRUE(named_by(path, name, mine_))
                    << id << ": a position that the matrix does not know: " << name;
                visit(id, [=](const Owner&, const Owner& named) {
                    return Call{method, fmt::format("{}?{}={}", path, name, *named_by(path, name, named)), "",
                                "query " + name, is_list};
                });
            }
        visit_body(path, method, operation, dry, visit);
    }

    void visit_body(const std::string& path, const std::string& method, const Value& operation, bool dry,
                    const std::function<void(const std::string&, const Make&)>& visit) {
        const Value* body = resolved(document_, operation.find("requestBody"));
        if (!body) return;
        const std::string id = *operation.find("operationId")->if_string();
        std::set<std::string> positions;
        add_positions(document_, body->find("content")->find("application/json")->find("schema"), "", positions);
        for (const std::string& position : positions)
            for (const char* query : {"", "?dry_run=true"}) {
                if (*query && !dry) continue;
                visit(id, [=](const Owner& caller, const Owner& named) {
                    const bool legs = id == "create_transactions" && position.find("legs") != std::string::npos;
                    Value text = body_of(legs ? id + ".legs" : id, caller);
                    const bool pays = position.find("to_") != std::string::npos;
                    const bool by_id = position.ends_with("_id");
                    // An own account on the other side of a leg.
                    set(text, position,
                        named.has.at(pays && &caller == &named ? (by_id ? "other" : "other reference")
                                     : by_id                   ? "accounts"
                                                               : "reference"));
                    std::string target = path + query;
                    if (const auto at = target.find("{id}"); at != std::string::npos)
                        target.replace(at, 4, *named_by(path, "id", caller));
                    return Call{method, target, json::serialize(text), "body " + position};
                });
            }
    }

    // Whether the answer says that there is nothing with this id.
    static bool finds_nothing(const Call& call, const Answer& answer) {
        if (answer.status == 404) return true;
        if (answer.at("results.0.status") == "404") return true;
        if (!call.is_list || answer.status != 200) return false;
        for (const auto& [name, member] : *answer.body.if_object())
            if (const json::Array* rows = member.if_array(); rows && !rows->empty()) return false;
        return answer.at("next_cursor") == "null" || call.target.starts_with("/v1/events") ||
               call.target.starts_with("/v1/dead-letters/summary");
    }

    static api::ApiConfig four_eyes() {
        api::ApiConfig config;
        EXPECT_EQ(config.approvals.take("discard,suspend,close"), "");
        return config;
    }

    ApiServer server_{four_eyes()};
    const Value document_ = json::parse(api::openapi_document).value();
    std::string admin_;
    Owner mine_, theirs_;
    int calls_ = 0;
};

TEST_F(TenantsMatrix, NothingOfAnotherTenantIsFoundOrChanged) {
    std::set<std::string> operations;
    int positions = 0;
    for_each_position([&](const std::string& operation, const Make& make) {
        if (operation == "ensure_account") return;  // makes one
        const Call foreign = make(mine_, theirs_);
        SCOPED_TRACE(operation + ", " + foreign.position + ": " + foreign.target + " " + foreign.body);
        const std::string before = stored();
        // A lane is shared: what it holds of others is not shown.
        const Answer answer = call(mine_, foreign.method, foreign.target, foreign.body);
        if (foreign.position != "query lane" || mine_.has["lane"] != theirs_.has["lane"]) {
            EXPECT_TRUE(finds_nothing(foreign, answer)) << answer.status << answer.text();
            EXPECT_EQ(stored(), before);
        }
        EXPECT_THAT(answer.text(), testing::Not(testing::HasSubstr(theirs_.has["other"])));
        operations.insert(operation);
        ++positions;
    });
    EXPECT_GE(positions, 55);
    EXPECT_GE(operations.size(), 27U);
    // A reference is unique within its tenant.
    const std::string target = "/v1/accounts/by-reference/" + theirs_.has["reference"];
    const Answer own = call(mine_, "PUT", target, R"({"currency":"EUR"})");
    EXPECT_EQ(own.status, 201);
    EXPECT_NE(own.at("id"), theirs_.has["accounts"]);
}

// Otherwise the calls above would prove nothing.
TEST_F(TenantsMatrix, TheSameCallsByTheOwnerFindIt) {
    for_each_position([&](const std::string& operation, const Make& make) {
        const Call own = make(theirs_, theirs_);
        SCOPED_TRACE(operation + ", " + own.position + ": " + own.target + " " + own.body);
        if (operation == "approve" || operation == "rotate_key" || operation == "revoke_key" ||
            operation == "change_account")
            return;
        const Answer answer = call(theirs_, own.method, own.target, own.body);
        EXPECT_FALSE(finds_nothing(own, answer)) << answer.status << answer.text();
        EXPECT_THAT(answer.status, testing::AnyOf(200, 201, 202, 409)) << answer.text();
        EXPECT_THAT(answer.at("results.0.status"), testing::AnyOf("missing", "201")) << answer.text();
    });
}

TEST_F(TenantsMatrix, WhatAllTenantsShareIsNotForOneOfThem) {
    int shared = 0;
    for (const auto& [path, methods] : *document_.find("paths")->if_object())
        for (const auto& [method, operation] : *methods.if_object()) {
            if (!is_shared(operation)) continue;
            std::string upper = method, target = path;
            std::ranges::transform(upper, upper.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
            for (std::size_t at = 0; (at = target.find('{')) != std::string::npos;)
                target.replace(at, target.find('}') - at + 1, theirs_.has["accounts"]);
            const Answer answer = call(mine_, upper, target, operation.find("requestBody") ? "{}" : "");
            EXPECT_EQ(answer.code(), "insufficient_scope") << upper << ' ' << path << answer.text();
            ++shared;
        }
    EXPECT_GE(shared, 3);
}

// Lists without a filter, for each operation that has none to give: what is shown is one's own.
TEST_F(TenantsMatrix, ListsShowTheTenantsOwnRowsOnly) {
    for (const auto& [path, methods] : *document_.find("paths")->if_object()) {
        if (!path.starts_with("/v1/") || path.find('{') != std::string::npos || !methods.find("get")) continue;
        SCOPED_TRACE(path);
        if (is_shared(*methods.find("get"))) continue;
        const Answer answer = call(mine_, "GET", path);
        ASSERT_EQ(answer.status, 200);
        for (const auto& [name, id] : theirs_.has)
            if (name != "lane" && !name.starts_with("idem"))
                EXPECT_THAT(answer.text(), testing::Not(testing::HasSubstr(id))) << name;
        const std::map<std::string, std::string> shown = {
            {"/v1/accounts", "other"},      {"/v1/transactions", "transactions"},
            {"/v1/holds", "holds"},         {"/v1/dead-letters", "dead-letters"},
            {"/v1/events", "transactions"}, {"/v1/keys", "keys"},
            {"/v1/audit", "other"},         {"/v1/approvals", "approvals"}};
        if (const auto own = shown.find(path); own != shown.end())
            EXPECT_THAT(answer.text(), testing::HasSubstr(mine_.has[own->second]));
    }
    const Answer balances = call(mine_, "GET", "/v1/trial-balance");
    EXPECT_EQ(balances.at("currencies.0.accounts"), "2");
    EXPECT_EQ(call(mine_, "GET", "/v1/dead-letters/summary").at("count"), "1");
}

}  // namespace
}  // namespace ledgerline::test
