#include "lab/schema_registry.h"

#include <fmt/format.h>

#include <cstdlib>

#include "lab/sockets.h"

namespace ledgerline::test {
namespace {

constexpr const char* kName = "schema registry (scripts/bootstrap installs what it needs)";

// Where the script looks for what it has fetched.
std::vector<std::string> environment() {
    std::vector<std::string> all{"PATH=/usr/bin:/bin", "LC_ALL=C"};
    for (const char* name : {"HOME", "XDG_CACHE_HOME", "LEDGERLINE_SCHEMA_REGISTRY_HOME"})
        if (const char* value = std::getenv(name)) all.push_back(fmt::format("{}={}", name, value));
    return all;
}

std::vector<std::string> arguments(std::uint16_t port, const std::optional<RegistryServer::Tls>& tls) {
    std::vector<std::string> all{LEDGERLINE_SCHEMA_REGISTRY_SCRIPT, "run", "--port", std::to_string(port)};
    if (tls) all.insert(all.end(), {"--tls-cert", tls->certificate, "--tls-key", tls->key});
    return all;
}

}  // namespace

RegistryServer& RegistryServer::shared() {
    static RegistryServer server;
    return server;
}

RegistryServer::RegistryServer(const std::optional<Tls>& tls) : port_(free_port(PortUse::restarted)), tls_(tls) {
    const std::string fetch = fmt::format("{} fetch >/dev/null </dev/null", LEDGERLINE_SCHEMA_REGISTRY_SCRIPT);
    if (std::system(fetch.c_str()) != 0) give_up(kName, fetch);
    process_ = std::make_unique<Process>(
        "registry", Process::Command{.arguments = arguments(port_, tls_), .environment = environment()});
    process_->start();
    await(kName, "it answers", [&] {
        if (!process_->running()) give_up(kName, process_->tail());
        return call("GET", "/subjects").if_array() != nullptr;
    });
}

std::string RegistryServer::url() const {
    return fmt::format("{}://127.0.0.1:{}/apis/ccompat/v7", tls_ ? "https" : "http", port_);
}

registry::RegistryConfig RegistryServer::config() const {
    return {.url = *http::BaseUrl::parse(url()), .ca_file = tls_ ? tls_->certificate : ""};
}

json::Value RegistryServer::call(const std::string& method, const std::string& target, const std::string& body) const {
    const registry::RegistryConfig known = config();
    http::Client client(known.url, {.ca_file = known.ca_file});
    http::ClientRequest request{.method = method, .target = target, .body = body};
    if (!body.empty()) request.headers.emplace_back("Content-Type", "application/vnd.schemaregistry.v1+json");
    const auto answer = client.send(request, std::chrono::duration_cast<milliseconds>(patience));
    return answer ? json::parse(answer->body).value_or(json::Value()) : json::Value();
}

std::string RegistryServer::schema(std::uint32_t id) const {
    const json::Value answer = call("GET", fmt::format("/schemas/ids/{}", id));
    const json::Value* text = answer.find("schema");
    return text && text->if_string() ? *text->if_string() : "";
}

void RegistryServer::force(const std::string& subject, const std::string& schema) const {
    std::string body = R"({"schemaType":"JSON","schema":)";
    json::append_quoted(schema, body);
    const json::Value answer = call("POST", fmt::format("/subjects/{}/versions", subject), body + "}");
    if (!answer.find("id")) give_up(kName, json::serialize(answer));
}

}  // namespace ledgerline::test
