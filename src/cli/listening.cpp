#include "cli/listening.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <vector>

#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

std::vector<std::string_view> texts_of(std::string_view block) {
    std::vector<std::string_view> texts;
    while (!block.empty()) {
        const std::size_t end = std::min(block.find('\0'), block.size());
        texts.push_back(block.substr(0, end));
        block.remove_prefix(std::min(end + 1, block.size()));
    }
    return texts;
}

// "" when there is none; the last one counts.
std::string_view value_in(const std::vector<std::string_view>& texts, std::string_view name, bool may_follow) {
    std::string_view value;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (texts[i].starts_with(name) && texts[i].substr(name.size()).starts_with('='))
            value = texts[i].substr(name.size() + 1);
        else if (may_follow && texts[i] == name && i + 1 < texts.size())
            value = texts[i + 1];
    }
    return value;
}

Result<std::string> read_block(std::int64_t pid, const char* name) {
    std::ifstream file(fmt::format("/proc/{}/{}", pid, name), std::ios::binary);
    std::string block{std::istreambuf_iterator<char>(file), {}};
    if (block.empty())
        return failure(Disposition::refuse, std::string(roles::bad_usage),
                       fmt::format("--of-process: there is no process {} that this user can look at", pid));
    return block;
}

}  // namespace

std::string url_of_listener(std::string_view arguments, std::string_view environment) {
    std::string_view address = value_in(texts_of(arguments), "--listen", true);
    if (address.empty()) address = value_in(texts_of(environment), "LEDGERLINE_LISTEN", false);
    const std::size_t colon = address.rfind(':');
    if (colon == std::string_view::npos) return "http://127.0.0.1:8080";
    const std::string_view host = address.substr(0, colon), port = address.substr(colon + 1);
    if (host == "0.0.0.0") return fmt::format("http://127.0.0.1:{}", port);
    return fmt::format("http://{}:{}", host == "[::]" ? "[::1]" : host, port);
}

Result<std::string> url_of_process(std::int64_t pid) {
    LEDGERLINE_TRY(const std::string arguments, read_block(pid, "cmdline"));
    const auto environment = read_block(pid, "environ");
    return url_of_listener(arguments, environment.value_or(""));
}

}  // namespace ledgerline::cli
