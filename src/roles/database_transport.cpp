#include "roles/database_transport.h"

#include <boost/asio/ip/address.hpp>

#include "db/connect_options.h"

namespace ledgerline::roles {
namespace {

bool is_this_machine(const db::ConnectTarget& target) {
    if (target.is_socket()) return true;
    const std::string& host = target.hostaddr.empty() ? target.host : target.hostaddr;
    if (host == "localhost") return true;
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(host, error);
    return !error && address.is_loopback();
}

}  // namespace

std::string unproven_database(const std::string& url) {
    const auto options = db::read_connect_options(url);
    if (!options) return "";
    const auto mode = options->settings.find("sslmode");
    const std::string given = mode == options->settings.end() ? "prefer" : mode->second;
    if (given == "verify-full") return "";
    for (const db::ConnectTarget& target : options->targets)
        if (!is_this_machine(target)) return target.to_string() + " with sslmode=" + given;
    return "";
}

}  // namespace ledgerline::roles
