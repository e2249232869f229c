#include "cluster/login_needs.h"

#include <libpq-fe.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string_view>

namespace ledgerline::cluster {
namespace {

struct FreeOptions {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

void add(const PQconninfoOption* options, std::map<std::string, std::string>& values) {
    for (const auto* each = options; each && each->keyword; ++each)
        if (each->val && *each->val) values[each->keyword] = each->val;
}

}  // namespace

LoginNeeds login_needs(const std::string& database_url) {
    std::map<std::string, std::string> values;
    add(Options(PQconndefaults()).get(), values);
    char* reason = nullptr;
    const Options given(PQconninfoParse(database_url.c_str(), &reason));
    PQfreemem(reason);
    if (!given) return {};
    add(given.get(), values);

    LoginNeeds needs;
    const std::string& host = values["host"];
    needs.local_socket = values["hostaddr"].empty() && (host.empty() || host.starts_with('/') || host.starts_with('@'));
    needs.user = values["user"];
    for (const char* name : {"passfile", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslcrldir", "servicefile"})
        if (const std::string& path = values[name]; path.starts_with('/')) needs.files.emplace_back(path);
    for (const char* variable : {"PGSERVICEFILE", "PGPASSFILE"})
        if (const char* path = std::getenv(variable)) needs.files.emplace_back(path);
    if (const char* home = std::getenv("HOME"))
        for (const char* name : {".pgpass", ".postgresql", ".pg_service.conf"})
            needs.files.push_back(std::filesystem::path(home) / name);
    return needs;
}

}  // namespace ledgerline::cluster
