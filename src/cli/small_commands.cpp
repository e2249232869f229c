// database-url and version.
#include <fmt/format.h>

#include <memory>

#include "base/version.h"
#include "cli/commands.h"
#include "cli/database.h"
#include "cli/output.h"
#include "roles/exit_code.h"
#include "sql/migrations.h"

namespace ledgerline::cli {

void declare_database_url(Command& parent, const roles::Environment& environment) {
    Command command = parent.add("database-url", "Print the URL of the private database of 'ledgerline up', for psql");
    auto data_dir = std::make_shared<std::string>();
    command.option({"--data-dir", "DIR", "The data directory of 'ledgerline up'", "", true}, *data_dir);
    command.notes("Example:\n  psql \"$(ledgerline database-url --data-dir ./data)\"");
    command.action([&environment, data_dir] {
        const auto url = own_database_url(*data_dir);
        if (!url) return report(environment, url.error());
        environment.out << *url << '\n';
        return roles::exit_ok;
    });
}

void declare_version(Command& parent, const roles::Environment& environment) {
    Command command = parent.add("version", "Print the version");
    auto output = std::make_shared<OutputOptions>();
    declare_output_option(command, *output);
    command.action([&environment, output] {
        const int schema_level = std::rbegin(sql::migrations)->level;
        if (output->json())
            print_object(environment, *output, json::Object{{"version", version}, {"schema_level", schema_level}});
        else
            environment.out << fmt::format("ledgerline {} (schema level {})\n", version, schema_level);
        return roles::exit_ok;
    });
}

}  // namespace ledgerline::cli
