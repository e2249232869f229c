#include "cli/import/rejects.h"

#include <fmt/format.h>

#include "cli/new_file.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr const char* kSuffix = ".rejected.csv";
constexpr std::uint64_t kLookEveryRows = 1000;  // between checks for an interrupt

std::unexpected<Error> unusable(std::string message) {
    return failure(Disposition::refuse, std::string(roles::bad_usage), std::move(message));
}

}  // namespace

Result<std::string> rejects_path(const RejectsOptions& options, const std::string& imported, const ImportFile& file) {
    if (!options.skip_invalid) {
        if (options.path.empty() && !options.overwrite) return "";
        return unusable(fmt::format("--rejects and {} require --skip-invalid", overwrite_rejects_flag));
    }
    if (options.path.empty() && !file.has_place())
        return unusable("--skip-invalid needs --rejects FILE when the input is not a file");
    const std::string path = options.path.empty() ? imported + kSuffix : options.path;
    if (file.is_at(path)) return unusable(fmt::format("--rejects {}: this is the file being imported", path));
    return path;
}

Result<void> write_rejects(ImportFile& file, const FileCheck& check, const std::string& path, bool overwrite,
                           const std::function<bool()>& interrupted) {
    LEDGERLINE_TRY(NewFile out, NewFile::create(path, file.permissions()));
    LEDGERLINE_CHECK(out.write(check.header + '\n'));
    CsvReader csv(file.begin());
    CsvRecord record;
    std::uint64_t rows = 0;
    for (auto bad_line = check.bad_lines.begin(); bad_line != check.bad_lines.end();) {
        if (++rows % kLookEveryRows == 0 && interrupted())
            return failure(Disposition::retry, "interrupted", "interrupted: nothing was sent");
        LEDGERLINE_TRY(const bool more, csv.next(record));
        if (!more) return failure(Disposition::refuse, std::string(roles::bad_usage), "the file has become shorter");
        if (record.line != *bad_line) continue;
        LEDGERLINE_CHECK(out.write(record.raw + '\n'));
        ++bad_line;
    }
    return out.publish(overwrite ? NewFile::Existing::replace : NewFile::Existing::keep, overwrite_rejects_flag);
}

}  // namespace ledgerline::cli
