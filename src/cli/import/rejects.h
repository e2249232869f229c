// The rows that an import leaves out, in a file of their own.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "cli/import/check.h"
#include "cli/import/file.h"

namespace ledgerline::cli {

inline constexpr const char* overwrite_rejects_flag = "--overwrite-rejects";

struct RejectsOptions {
    bool skip_invalid = false;
    std::string path;  // empty: next to the imported file
    bool overwrite = false;
};

// Where the rows go; "" when none are left out. Error bad_usage: the options contradict each other, or name the
// imported file itself.
Result<std::string> rejects_path(const RejectsOptions& options, const std::string& imported, const ImportFile& file);

// Writes the bad rows under the file's header, byte for byte, so that they can be corrected and imported. The file
// appears only when complete; interrupted() is called from time to time, and ends the writing with code "interrupted"
// (retry). Other errors are those of NewFile.
Result<void> write_rejects(ImportFile& file, const FileCheck& check, const std::string& path, bool overwrite,
                           const std::function<bool()>& interrupted);

}  // namespace ledgerline::cli
