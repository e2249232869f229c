#include "cli/made_secret.h"

#include <utility>

#include "base/new_file.h"
#include "cli/cli.h"
#include "cli/operator_option.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {

Result<int> print_made(const roles::Environment& environment, const OutputOptions& output, Server& server,
                       SecretRequest request) {
    LEDGERLINE_TRY(std::optional<NewFile> file, NewFile::for_secret(request.file, request.flag));
    LEDGERLINE_TRY(json::Value made, server.send("POST", request.path, std::move(request.body), request.member,
                                                 operator_header(request.operator_name)));
    if (file) {
        LEDGERLINE_CHECK(file->write(text_of(made, request.member) + '\n'));
        LEDGERLINE_CHECK(file->keep_other("choose another " + request.flag));
        std::erase_if(*made.if_object(), [&](const auto& member) { return member.first == request.member; });
    }
    print_object(environment, output, made);
    return roles::exit_ok;
}

}  // namespace ledgerline::cli
