#include "api/problem_types.h"

#include <map>

#include "api/openapi.h"
#include "base/json.h"

namespace ledgerline::api {
namespace {

std::map<std::string, std::string, std::less<>> read_types() {
    const json::Value document = json::parse(openapi_document).value();
    const json::Value* listed = document.find("components")->find("schemas")->find("ProblemCode")->find("x-problems");
    std::map<std::string, std::string, std::less<>> types;
    for (const auto& [code, about] : *listed->if_object()) {
        const std::int64_t status = about.find("status")->if_int64().value();
        types.emplace(code, json::serialize(json::Object{{"type", "/problems/" + code},
                                                         {"code", code},
                                                         {"status", status},
                                                         {"meaning", *about.find("meaning")},
                                                         {"retry", status == 408 || status == 429 || status == 503}}));
    }
    return types;
}

}  // namespace

std::optional<std::string> problem_type_json(std::string_view code) {
    static const auto types = read_types();
    const auto found = types.find(code);
    if (found == types.end()) return std::nullopt;
    return found->second;
}

}  // namespace ledgerline::api
