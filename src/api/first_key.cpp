// The first key of an installation, which no call can make: it is made where the program runs.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "api/key_store.h"
#include "base/descriptor.h"
#include "base/new_file.h"
#include "base/text.h"
#include "observe/log.h"

namespace ledgerline::api {
namespace {

std::unexpected<Error> bad_file(const std::string& path, const std::string& why) {
    return failure(Disposition::refuse, std::string(bad_first_key_file),
                   fmt::format("--first-key-file {}: {}", path, why));
}

std::string last_error() { return std::generic_category().message(errno); }

Result<std::string> read_line(const std::string& path) {
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.is_open()) return bad_file(path, "cannot be read: " + last_error());
    std::array<char, 512> block{};
    const ssize_t size = read(file.number(), block.data(), block.size());
    if (size < 0) return bad_file(path, "cannot be read: " + last_error());
    const std::string_view text(block.data(), static_cast<std::size_t>(size));
    return std::string(text.substr(0, text.find('\n')));
}

// Durable before the key is in force.
Result<void> write_file(const std::string& path, const std::string& text) {
    LEDGERLINE_TRY(NewFile file, NewFile::create(path, 0600));
    LEDGERLINE_CHECK(file.write(text + '\n'));
    return file.keep_other("another process made it just now");
}

Result<std::pair<Uuid, KeyText>> key_in_file(const std::string& path, const ProcessContext& context) {
    if (access(path.c_str(), F_OK) != 0) {
        const Uuid id = context.ids.next();
        KeyText text = KeyText::make(id, context.random);
        if (const auto written = write_file(path, text.text); !written) return bad_file(path, written.error().message);
        return std::pair(id, std::move(text));
    }
    LEDGERLINE_TRY(const std::string line, read_line(path));
    if (auto key = KeyText::parse(line, context.random)) return *std::move(key);
    return bad_file(path, "is there and holds something else than a key");
}

}  // namespace

Result<void> make_first_key(const db::ConnectionConfig& config, const std::string& path,
                            const ProcessContext& context) {
    LEDGERLINE_TRY(auto connection, db::Connection::open(config));
    LEDGERLINE_TRY(const auto exist, connection.query_row(sql::KeysExist{}));
    if (exist.there) return {};
    LEDGERLINE_TRY(const auto key, key_in_file(path, context));
    const NewKey first{.name = "first", .scopes = {"admin"}, .networks = {}, .limits = {}, .expires_at = {}};
    const KeyAuthor author{.caller = {std::nullopt, std::nullopt, "start", "local", default_tenant},
                           .audit_id = context.ids.next()};
    LEDGERLINE_TRY(const auto made, create_key(connection, key.first, first, key.second, author));
    if (made.key) log::info("made the first key", {{"key_id", key.first}, {"file", path}});
    return {};
}

}  // namespace ledgerline::api
