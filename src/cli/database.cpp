#include "cli/database.h"

#include "cli/secrets.h"
#include "cluster/private_cluster.h"
#include "db/session_settings.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {

void declare_database_url_option(const OptionText& text, Command& command, std::string& url) {
    command.parsed(text, "", [&url](const std::string& value) {
        url = value;
        return broken_database_url_rule(value);
    });
}

void declare_database_options(Command& command, DatabaseOptions& options) {
    declare_database_url_option({"--database-url", "URL", "The database, as a libpq URL", "DATABASE_URL"}, command,
                                options.url);
    command.option({"--data-dir", "DIR", "Or the data directory of a running 'ledgerline up' with its own database"},
                   options.data_dir);
    command.alternatives("--database-url", "--data-dir");
}

Result<std::string> database_url_of(const DatabaseOptions& options) {
    if (!options.url.empty()) return options.url;
    if (options.data_dir.empty())
        return failure(Disposition::refuse, std::string(roles::bad_usage),
                       "no database given: use --database-url (or DATABASE_URL) or --data-dir");
    return own_database_url(options.data_dir);
}

Result<std::string> own_database_url(const std::string& data_dir) {
    auto url = cluster::database_url(data_dir);
    if (!url && url.error().code == cluster::no_cluster)
        return failure(Disposition::refuse, std::string(roles::bad_usage), "--data-dir: " + url.error().message);
    return url;
}

Result<db::Connection> connect(const DatabaseOptions& options, milliseconds statement_timeout) {
    LEDGERLINE_TRY(const std::string url, database_url_of(options));
    db::ConnectionConfig config;
    config.url = url;
    config.application_name = "ledgerline-cli";
    config.statement_timeout = statement_timeout;
    LEDGERLINE_TRY(auto connection, db::Connection::open(config));
    LEDGERLINE_CHECK(db::check_own_session(connection, config));
    return connection;
}

}  // namespace ledgerline::cli
