// Tokens of an issuer: which are taken, what they allow, and how its keys change. All hostile ones are made by hand.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <fstream>

#include "base/base64.h"
#include "http/server/edge_fixture.h"
#include "http/tokens/issuer_keys.h"
#include "lab/eventually.h"
#include "lab/token_issuer.h"

namespace ledgerline::http {
namespace {

using test::base64url;
using test::eventually;
using test::TokenIssuer;
using testing::HasSubstr;

Request bearing(const std::string& token) {
    Request request;
    request.method = "GET";
    request.path = "/v1/accounts";
    request.peer = "192.0.2.7";
    request.headers = {{"authorization", "Bearer " + token}};
    return request;
}

std::expected<AccessTokens::Caller, AccessTokens::Refusal> admit(const std::shared_ptr<AccessTokens>& tokens,
                                                                 const std::string& token) {
    return tokens->admit(token, [](std::string_view name) -> std::optional<int> {
        if (name == default_tenant_name) return default_tenant;
        return name == "acme" ? std::optional(7) : std::nullopt;
    });
}

class Tokens : public testing::Test {
protected:
    Tokens() {
        for (const auto& [id, algorithm] : {std::pair("rsa", "RS256"), {"ec", "ES256"}, {"ed", "EdDSA"}})
            issuer.make_key(id, algorithm);
        tokens = made({});
    }
    std::shared_ptr<AccessTokens> made(KeyLimits limits, const std::string& scope_claim = "scope",
                                       const std::string& tenant_claim = "") {
        auto with = std::make_shared<AccessTokens>(TokenPolicy{.issuer = issuer.url(),
                                                               .audiences = {"other", TokenIssuer::audience},
                                                               .scope_claim = scope_claim,
                                                               .tenant_claim = tenant_claim,
                                                               .limits = limits},
                                                   clock);
        with->trust(keys());
        return with;
    }
    std::shared_ptr<const KeySet> keys() const {
        return std::make_shared<const KeySet>(KeySet::parse(issuer.key_set()).value());
    }
    std::string token(const json::Object& claims = {}, const std::string& key = "ec") const {
        json::Object all{{"sub", "alice"}};
        for (const auto& claim : claims) {
            std::erase_if(all, [&](const auto& each) { return each.first == claim.first; });
            all.push_back(claim);
        }
        return issuer.token(key, all, clock.wall_now());
    }
    // Why it is refused; "" when it is taken.
    std::string why(const std::string& token) {
        const auto caller = admit(tokens, token);
        return caller ? "" : std::string(caller.error().why);
    }
    bool allows(const json::Object& claims, Scope scope) {
        const auto caller = admit(tokens, token(claims));
        return caller && (*caller)->scopes.allow(scope);
    }

    TokenIssuer issuer;
    ManualClock clock{SystemClock().wall_now()};
    std::shared_ptr<AccessTokens> tokens;
};

TEST_F(Tokens, OfEachAlgorithmAreTakenWithTheirSubject) {
    for (const char* key : {"rsa", "ec", "ed"}) {
        const auto caller = admit(tokens, token({{"scope", "openid accounts:read"}}, key));
        ASSERT_TRUE(caller) << key << ": " << caller.error().why;
        EXPECT_EQ((*caller)->id, "sub:alice");
        EXPECT_EQ((*caller)->name, "alice");
        EXPECT_TRUE((*caller)->scopes.allow(Scope::accounts_read));
        EXPECT_FALSE((*caller)->scopes.allow(Scope::accounts_write));
    }
}

TEST_F(Tokens, TakeScopesFromTheClaimThatIsNamed) {
    EXPECT_TRUE(allows({{"scope", json::Array{"lanes:read"}}}, Scope::lanes_read));
    EXPECT_TRUE(allows({{"scope", "admin"}}, Scope::accounts_write));
    for (const json::Value& none : {json::Value(), json::Value(1), json::Value("Admin"), json::Value(json::Object{})})
        EXPECT_FALSE(allows({{"scope", none}}, Scope::accounts_read));
    const json::Object nested{{"https://x/y", json::Object{{"a/b", "holds:write"}}}};
    tokens = made({}, "/https:~1~1x~1y/a~1b");
    EXPECT_TRUE(allows(nested, Scope::holds_write));
    tokens = made({}, "https://x/y");
    EXPECT_FALSE(allows(nested, Scope::holds_write));
    EXPECT_TRUE(allows({{"https://x/y", "holds:write"}}, Scope::holds_write));
    EXPECT_EQ(broken_claim_rule("scp"), "");
    EXPECT_NE(broken_claim_rule("a b"), "");
}

TEST_F(Tokens, AreOfTheTenantThatTheirClaimNames) {
    const auto tenant = [&](const json::Object& claims) {
        const auto caller = admit(tokens, token(claims));
        return caller ? (*caller)->tenant : -1;
    };
    EXPECT_EQ(tenant({{"org", "acme"}}), default_tenant) << "no claim is looked for";
    tokens = made({}, "scope", "org");
    EXPECT_EQ(tenant({{"org", "acme"}}), 7);
    EXPECT_EQ(tenant({{"org", "acme"}}), 7) << "as it is known from before";
    EXPECT_EQ(tenant({{"org", "default"}}), default_tenant);
    EXPECT_THAT(why(token()), HasSubstr("its claim of a tenant is missing"));
    EXPECT_THAT(why(token({{"org", json::Value(json::Number{"7"})}})), HasSubstr("its claim of a tenant is missing"));
    for (const char* unknown : {"other", "", "Acme", "7", "acme "})
        EXPECT_THAT(why(token({{"org", unknown}})), HasSubstr("there is no tenant")) << unknown;
    tokens = made({}, "scope", "/realm/org");
    EXPECT_EQ(tenant({{"realm", json::Object{{"org", "acme"}}}}), 7);
}

TEST_F(Tokens, WithWrongClaimsAreRefused) {
    const std::int64_t now = std::chrono::floor<std::chrono::seconds>(clock.wall_now()).time_since_epoch().count();
    const std::int64_t skew = Claims::skew_max.count();
    const auto number = [](const char* text) { return json::Value(json::Number{text}); };
    const struct {
        json::Object claims;
        const char* why;
    } cases[] = {
        {{{"iss", issuer.url() + "/"}}, "iss is not"},
        {{{"iss", json::Value()}}, "iss is not"},
        {{{"iss", json::Array{issuer.url()}}}, "iss is not"},
        {{{"aud", "ledgers"}}, "aud does not"},
        {{{"aud", json::Value()}}, "aud does not"},
        {{{"aud", json::Array{}}}, "aud does not"},
        {{{"aud", json::Array{"another", json::Array{"ledger"}}}}, "aud does not"},
        {{{"exp", json::Value()}}, "exp is not"},
        {{{"exp", std::to_string(now + 60)}}, "exp is not"},
        {{{"exp", number("1e999")}}, "exp is not"},
        {{{"exp", number("-1")}}, "exp is not"},
        {{{"exp", number("99999999999999999999")}}, "exp is not"},
        {{{"exp", now - skew}}, "expired"},
        {{{"nbf", now + skew + 1}}, "not valid yet"},
        {{{"iat", now + skew + 1}}, "not valid yet"},
        {{{"nbf", "soon"}}, "nbf or iat"},
        {{{"sub", json::Value()}}, "sub is no"},
        {{{"sub", ""}}, "sub is no"},
        {{{"sub", 7}}, "sub is no"},
        {{{"sub", "a\nb"}}, "sub is no"},
        {{{"sub", std::string(Claims::subject_bytes_max + 1, 'a')}}, "sub is no"},
        {{{"cnf", json::Object{{"jkt", "x"}}}}, "cnf binds"},
    };
    for (const auto& each : cases)
        EXPECT_THAT(why(token(each.claims)), HasSubstr(each.why)) << json::serialize(each.claims);
    const json::Object good[] = {{{"exp", now - skew + 2}},
                                 {{"exp", number("4e9")}},
                                 {{"exp", number("4102444800.5")}},
                                 {{"nbf", now + skew - 1}},
                                 {{"iat", json::Value()}},
                                 {{"aud", json::Array{"another", "ledger"}}},
                                 {{"sub", std::string(Claims::subject_bytes_max, 'a')}}};
    for (const auto& each : good) EXPECT_EQ(why(token(each)), "") << json::serialize(each);
}

// Each is what somebody without the issuer's key could try, or could do with a token that was made for something else.
TEST_F(Tokens, MadeByHandAreRefused) {
    const std::string good = token(), claims = json::serialize(issuer.claims({{"sub", "alice"}}, clock.wall_now()));
    const std::string payload = base64url(claims);
    const std::string head = good.substr(0, good.find('.')), mark = good.substr(good.rfind('.'));
    const auto unsigned_with = [&](const std::string& header) { return base64url(header) + '.' + payload; };
    const auto hmac_with = [&](const std::string& secret) {
        const std::string text = unsigned_with(R"({"alg":"HS256","kid":"rsa","typ":"JWT"})");
        unsigned char made[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), made, &size);
        return text + '.' + base64url({reinterpret_cast<const char*>(made), size});
    };
    const auto signed_with = [&](const std::string& header) { return issuer.sign("ec", header, claims); };
    const auto raw = [&](const std::string& signature) { return head + '.' + payload + '.' + base64url(signature); };
    TokenIssuer other;
    other.make_key("ec", "ES256");
    const struct {
        const char* name;
        std::string token;
        const char* why;
    } cases[] = {
        {"alg none", unsigned_with(R"({"alg":"none"})") + ".", "alg is not"},
        {"alg None", unsigned_with(R"({"alg":"None","kid":"ec"})") + ".", "alg is not"},
        {"no alg", unsigned_with(R"({"kid":"ec"})") + mark, "alg is not"},
        {"alg no text", signed_with(R"({"alg":["ES256"],"kid":"ec"})"), "alg is not"},
        {"HMAC with the public key", hmac_with(issuer.public_pem("rsa")), "alg is not"},
        {"HMAC with nothing", hmac_with(""), "alg is not"},
        {"another algorithm than its key's", signed_with(R"({"alg":"RS256","kid":"ec"})"), "no key"},
        {"another key", signed_with(R"({"alg":"EdDSA","kid":"ed"})"), "does not fit"},
        {"a key that is not known", signed_with(R"({"alg":"ES256","kid":"EC"})"), "no key"},
        {"its own key", signed_with(R"({"alg":"ES256","kid":"mine","jwk":{"kty":"EC"},"jku":"https://evil.example"})"),
         "no key"},
        {"kid is a path", signed_with(R"({"alg":"ES256","kid":"../../dev/null"})"), "no key"},
        {"kid is no text", signed_with(R"({"alg":"ES256","kid":1})"), "kid is no"},
        {"kid is empty", signed_with(R"({"alg":"ES256","kid":""})"), "kid is no"},
        {"another issuer's signature", other.sign("ec", R"({"alg":"ES256","kid":"ec"})", claims), "does not fit"},
        {"crit", signed_with(R"({"alg":"ES256","kid":"ec","crit":["exp"]})"), "crit"},
        {"empty crit", signed_with(R"({"alg":"ES256","kid":"ec","crit":[]})"), "crit"},
        {"a proof", signed_with(R"({"alg":"ES256","kid":"ec","typ":"dpop+jwt"})"), "typ is not"},
        {"a logout", signed_with(R"({"alg":"ES256","kid":"ec","typ":"logout+jwt"})"), "typ is not"},
        {"alg twice", signed_with(R"({"alg":"ES256","kid":"ec","alg":"none"})"), "not one JSON object"},
        {"claims twice", issuer.sign("ec", R"({"alg":"ES256","kid":"ec"})", R"({"sub":"a","sub":"b"})"),
         "claims are not"},
        {"claims no object", issuer.sign("ec", R"({"alg":"ES256","kid":"ec"})", R"(["sub"])"), "claims are not"},
        {"claims no JSON", issuer.sign("ec", R"({"alg":"ES256","kid":"ec"})", "sub=alice"), "claims are not"},
        {"text after the header",
         signed_with(R"({"alg":"ES256","kid":"ec"} )"
                     "x"),
         "not one JSON object"},
        {"no signature", head + '.' + payload + '.', "does not fit"},
        {"zeros for a signature", raw(std::string(64, '\0')), "does not fit"},
        {"a longer signature", raw(std::string(65, '\1')), "does not fit"},
        {"a DER signature", raw("\x30\x06\x02\x01\x01\x02\x01\x01"), "does not fit"},
        {"other claims", head + '.' + base64url(R"({"sub":"root"})") + mark, "does not fit"},
        {"an empty part", head + ".." + mark.substr(1), "does not fit"},
        {"four parts", good + ".AA", "three parts"},
        {"five parts", good + ".AA.AA", "three parts"},
        {"two parts", head + '.' + payload, "three parts"},
        {"padding", head + "=." + payload + mark, "base64url"},
        {"another alphabet", head + '.' + payload + ".+/+/", "base64url"},
        {"a space", head + ' ' + '.' + payload + mark, "base64url"},
        {"too long", token({{"more", std::string(Jws::bytes_max, 'a')}}), "too long"},
    };
    for (const auto& each : cases) {
        EXPECT_THAT(why(each.token), HasSubstr(each.why)) << each.name;
        const auto caller = admit(tokens, each.token);
        EXPECT_FALSE(caller) << each.name;
    }
    EXPECT_EQ(why(good), "");
    for (const char* type : {"JWT", "jwt", "at+jwt", "application/at+JWT"})
        EXPECT_EQ(why(signed_with(fmt::format(R"({{"alg":"ES256","kid":"ec","typ":"{}"}})", type))), "") << type;
}

// No token is taken twice in two spellings: unused bits of base64 must be zero.
TEST_F(Tokens, HaveOneSpelling) {
    EXPECT_EQ(from_base64url("YQ"), "a");
    EXPECT_EQ(from_base64url("YR"), std::nullopt);
    EXPECT_EQ(from_base64url("YQ=="), std::nullopt);
    EXPECT_EQ(from_base64url("Y Q"), std::nullopt);
    EXPECT_EQ(from_base64url("Y"), std::nullopt);
    EXPECT_EQ(from_base64url(""), "");
}

TEST_F(Tokens, EndEvenWhenTheyAreKnown) {
    const std::string given = token();
    EXPECT_EQ(why(given), "");
    ApiKeys keys({}, clock, {.tokens = tokens});
    const auto caller = keys.admit(bearing(given), Scope::any);
    ASSERT_TRUE(caller);
    EXPECT_TRUE(keys.still_admit(*caller));
    clock.advance(std::chrono::seconds(300) + Claims::skew_max + std::chrono::seconds(1));
    EXPECT_EQ(why(given), "it has expired");
    EXPECT_FALSE(keys.still_admit(*caller));
}

TEST_F(Tokens, EndWithTheirKey) {
    const std::string given = token();
    EXPECT_EQ(why(given), "");
    issuer.retract_key("ec");
    tokens->trust(keys());
    EXPECT_THAT(why(given), HasSubstr("no key"));
}

TEST_F(Tokens, WithoutAKeysNameAreOfTheOnlyKeyOfTheirAlgorithm) {
    const auto nameless = [&] {
        return issuer.sign("ec", R"({"alg":"ES256"})",
                           json::serialize(issuer.claims({{"sub", "a"}}, clock.wall_now())));
    };
    EXPECT_EQ(why(nameless()), "");
    issuer.make_key("ec2", "ES256");
    tokens->trust(keys());
    EXPECT_THAT(why(nameless()), HasSubstr("no key"));
}

TEST_F(Tokens, OfOneSubjectShareItsRate) {
    KeyLimits slow;
    slow.requests_per_second = 1;
    tokens = made(slow);
    const auto first = admit(tokens, token({{"jti", "1"}})), second = admit(tokens, token({{"jti", "2"}}));
    const auto other = admit(tokens, token({{"sub", "bob"}}));
    ASSERT_TRUE(first && second && other);
    EXPECT_NE(*first, *second);
    EXPECT_FALSE((*first)->use->requests.take(1, clock.steady_now()));
    EXPECT_TRUE((*second)->use->requests.take(1, clock.steady_now()));
    EXPECT_FALSE((*other)->use->requests.take(1, clock.steady_now()));
}

TEST_F(Tokens, AreForgottenBeyondALimitAndStayGood) {
    const std::string first = token({}, "ed");
    EXPECT_EQ(why(first), "");
    for (std::size_t i = 0; i <= AccessTokens::known_max; ++i)
        ASSERT_EQ(why(token({{"sub", std::to_string(i)}}, "ed")), "");
    EXPECT_EQ(why(first), "");
}

TEST_F(Tokens, AreAnsweredAsTheirRfcSays) {
    const ApiKeys keys({}, clock, {.tokens = tokens});
    EXPECT_FALSE(keys.is_open());
    EXPECT_FALSE(keys.none());
    EXPECT_TRUE(keys.admit(bearing(token({{"scope", "accounts:read"}})), Scope::accounts_read));
    const auto header = [](const Response& response) {
        for (const auto& [name, value] : response.headers)
            if (name == "WWW-Authenticate") return value;
        return std::string();
    };
    const auto refused = keys.admit(bearing(token({{"aud", "x"}})), Scope::any);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().status, 401);
    EXPECT_EQ(refused.error().problem_code, edge_code::invalid_token);
    EXPECT_EQ(header(refused.error()),
              R"(Bearer error="invalid_token", error_description="aud does not name this API")");
    const auto narrow = keys.admit(bearing(token({{"scope", "accounts:read"}})), Scope::lanes_read);
    ASSERT_FALSE(narrow);
    EXPECT_EQ(narrow.error().status, 403);
    EXPECT_EQ(header(narrow.error()), R"(Bearer error="insufficient_scope", scope="lanes:read")");
    // Only as Authorization: Bearer.
    Request as_key = bearing("");
    as_key.headers = {{"x-api-key", token({{"scope", "admin"}})}};
    EXPECT_EQ(keys.admit(as_key, Scope::any).error().problem_code, edge_code::forbidden);
    const auto noted = keys.refused().take();
    ASSERT_EQ(noted.size(), 3u);
    EXPECT_EQ(noted[0].code, edge_code::invalid_token);
    EXPECT_EQ(noted[1].key_id, "sub:alice");
}

// --- Keys ---

TEST_F(Tokens, KeysThatAreNotForUsAreLeftOut) {
    const auto size = [](const std::string& keys) {
        const auto set = KeySet::parse(R"({"keys":[)" + keys + "]}");
        return set ? set->size() : 0;
    };
    const std::string all = issuer.key_set();
    const std::string ec = [&] {
        TokenIssuer one;
        one.make_key("k", "ES256");
        const std::string set = one.key_set();
        return set.substr(9, set.size() - 11);
    }();
    EXPECT_EQ(KeySet::parse(all)->size(), 3u);
    ASSERT_EQ(size(ec), 1u);
    const auto with = [&](const std::string& more) { return ec.substr(0, ec.size() - 1) + more + "}"; };
    EXPECT_EQ(size(with(R"(,"use":"sig","alg":"ES256","key_ops":["verify"])")), 1u);
    for (const char* more : {R"(,"use":"enc")", R"(,"use":1)", R"(,"alg":"ES384")", R"(,"alg":"RS256")", R"(,"d":"AA")",
                             R"(,"key_ops":["sign"])", R"(,"key_ops":"verify")"})
        EXPECT_EQ(size(with(more)), 0u) << more;
    std::string off_curve = ec;
    const std::size_t y = off_curve.find(R"("y":")") + 6;
    off_curve[y] = off_curve[y] == 'A' ? 'B' : 'A';
    const std::string zeros = base64url(std::string(32, '\0'));
    for (const std::string& wrong :
         {off_curve, std::string(R"({"kty":"oct","k":"AAAA","kid":"rsa"})"),
          std::string(R"({"kty":"RSA","n":"AQAB","e":"AQAB"})"), std::string(R"({"kty":"RSA","e":"AQAB"})"),
          fmt::format(R"({{"kty":"EC","crv":"P-256","x":"{0}","y":"{0}"}})", zeros),
          fmt::format(R"({{"kty":"EC","crv":"P-384","x":"{0}","y":"{0}"}})", zeros),
          fmt::format(R"({{"kty":"OKP","crv":"X25519","x":"{0}"}})", zeros), std::string("7"), std::string("{}")})
        EXPECT_EQ(size(wrong), 0u) << wrong;
    for (const char* set : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[]})", R"({"keys":[],"keys":[]})"})
        EXPECT_EQ(KeySet::parse(set).error().code, "bad_key_set") << set;
    std::string many;
    for (std::size_t i = 0; i <= KeySet::keys_max; ++i) many += (i ? "," : "") + ec;
    EXPECT_EQ(size(many), 0u);
}

class IssuersKeys : public EdgeTest {
protected:
    IssuersKeys() { issuer.make_key("first", "ES256"); }
    void follow(const std::string& from = "", std::string ca_file = "none") {
        tokens = std::make_shared<AccessTokens>(
            TokenPolicy{.issuer = issuer.url(), .audiences = {TokenIssuer::audience}}, manual);
        if (ca_file == "none") ca_file = issuer.certificate();
        const IssuerSource source{.issuer = issuer.url(), .keys = from, .ca_file = ca_file};
        ASSERT_TRUE(source.check()) << source.check().error().message;
        keys = std::make_unique<IssuerKeys>(source, tokens, manual_context);
        keys->start();
    }
    std::string token(const std::string& key) const { return issuer.token(key, {{"sub", "alice"}}, manual.wall_now()); }
    bool takes(const std::string& key) const { return admit(tokens, token(key)).has_value(); }
    // Whether the caller is told to try again.
    bool later(const std::string& key) const {
        const auto caller = admit(tokens, token(key));
        return !caller && caller.error().later;
    }

    TokenIssuer issuer;
    ManualClock manual{SystemClock().wall_now()};
    ProcessContext manual_context{manual, random, ids, metrics};
    std::shared_ptr<AccessTokens> tokens;
    std::unique_ptr<IssuerKeys> keys;
};

TEST_F(IssuersKeys, ComeFromWhereItsDocumentSays) {
    follow();
    EXPECT_TRUE(eventually([&] { return takes("first"); }));
}

TEST_F(IssuersKeys, ChangeWithoutARestartAndNobodyAsksTooOften) {
    follow(issuer.keys_url());
    ASSERT_TRUE(eventually([&] { return takes("first"); }));
    issuer.make_key("second", "EdDSA");
    issuer.retract_key("first");
    EXPECT_FALSE(later("second")) << "they were asked for just now";
    const int before = issuer.served();
    manual.advance(IssuerKeys::retry_pause);
    EXPECT_TRUE(later("second"));
    EXPECT_TRUE(eventually([&] { return takes("second"); }));
    EXPECT_FALSE(takes("first"));
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(later("first"));
    EXPECT_EQ(issuer.served(), before + 1);
}

TEST_F(IssuersKeys, StayTrustedWhileItIsAwayButNotForEver) {
    follow(issuer.keys_url());
    ASSERT_TRUE(eventually([&] { return takes("first"); }));
    issuer.make_key("second", "EdDSA");
    issuer.answer_with(503);
    const auto ask_again = [&] {
        const int before = issuer.served();
        manual.advance(IssuerKeys::retry_pause);
        later("second");
        return eventually([&] { return issuer.served() > before; });
    };
    EXPECT_TRUE(ask_again());
    EXPECT_TRUE(takes("first"));
    manual.advance(IssuerKeys::stale_max);
    EXPECT_TRUE(ask_again());
    EXPECT_TRUE(eventually([&] { return later("first"); }));
    issuer.answer_with(200);
    EXPECT_TRUE(ask_again());
    EXPECT_TRUE(eventually([&] { return takes("first"); }));
}

TEST_F(IssuersKeys, AreNotTakenFromAnybodyElse) {
    follow("", "");  // the system's authorities, which know it not
    EXPECT_TRUE(later("first"));
    issuer.name_issuer("https://evil.example");
    follow();
    ASSERT_TRUE(eventually([&] { return !takes("first") && later("first"); }));
    for (const char* wrong : {"http://login.example", "login.example", "https://", "ftp://login.example"}) {
        const IssuerSource source{.issuer = wrong, .keys = "", .ca_file = ""};
        EXPECT_FALSE(source.check()) << wrong;
    }
}

TEST_F(IssuersKeys, InAFileAreFollowed) {
    const test::TempDir dir;
    const std::string path = (dir.path() / "keys.json").string();
    const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
    write("{}");
    EXPECT_FALSE((IssuerSource{.issuer = issuer.url(), .keys = path, .ca_file = ""}.check()));
    EXPECT_FALSE((IssuerSource{.issuer = issuer.url(), .keys = path + ".none", .ca_file = ""}.check()));
    write(issuer.key_set());
    follow(path);
    ASSERT_TRUE(eventually([&] { return takes("first"); }));
    issuer.make_key("second", "RS256");
    write(issuer.key_set());
    manual.advance(IssuerKeys::retry_pause);
    later("second");
    EXPECT_TRUE(eventually([&] { return takes("second"); }));
}

// --- The edge ---

TEST_F(IssuersKeys, CallersAreLetInThroughThePort) {
    tokens = std::make_shared<AccessTokens>(TokenPolicy{.issuer = issuer.url(), .audiences = {TokenIssuer::audience}},
                                            manual);
    config.key_policy.tokens = tokens;
    start();
    const auto status = [&](const std::string& token) {
        return answer_to(get("/echo/a", "Authorization: Bearer " + token + "\r\nConnection: close\r\n"))->status;
    };
    EXPECT_EQ(answer_to(get("/echo/a", "Connection: close\r\n"))->status, 401);
    EXPECT_EQ(status(token("first")), 503) << "the keys are not known yet";
    keys = std::make_unique<IssuerKeys>(
        IssuerSource{.issuer = issuer.url(), .keys = "", .ca_file = issuer.certificate()}, tokens, manual_context);
    keys->start();
    EXPECT_TRUE(eventually([&] { return status(token("first")) == 200; }));
    EXPECT_EQ(status(token("first") + "x"), 401);
    keys->stop();
}

}  // namespace
}  // namespace ledgerline::http
