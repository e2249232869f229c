#include "cli/import/check.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>

#include "base/new_file.h"
#include "base/uuid.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr const char* kSuffix = ".rejected.csv";
constexpr std::uint64_t kLookEveryRows = 1000;  // between checks for an interrupt

// A row as the hash of what must be unique and the hash of the rest.
struct Fingerprint {
    std::array<std::uint64_t, 2> key;
    std::uint64_t body;
    std::uint64_t line;
};

class Hash {
public:
    Hash() { crypto_generichash_init(&state_, nullptr, 0, sizeof(std::array<std::uint64_t, 2>)); }
    // Hashes each text with its length, so that no two lists of texts hash the same bytes.
    Hash& add(std::string_view text) {
        const std::uint64_t size = text.size();
        crypto_generichash_update(&state_, reinterpret_cast<const unsigned char*>(&size), sizeof size);
        crypto_generichash_update(&state_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
        return *this;
    }
    std::array<std::uint64_t, 2> finish() {
        std::array<std::uint64_t, 2> hash{};
        crypto_generichash_final(&state_, reinterpret_cast<unsigned char*>(hash.data()), sizeof hash);
        return hash;
    }

private:
    crypto_generichash_state state_;
};

Fingerprint fingerprint_of(const ImportRow& row) {
    Hash body;
    body.add(row.type).add(std::to_string(row.amount_cents)).add(row.currency);
    if (row.is_transfer()) body.add(row.from).add(row.to);
    body.add(row.occurred_at);
    for (const auto& [name, value] : row.metadata) body.add(name).add(value);
    return {Hash().add(*row.accounts().first).add(row.reference).finish(), body.finish()[0], row.line};
}

class Checker {
public:
    void take(const ImportRow& row) {
        const auto [first, second] = row.accounts();
        for (const std::string* name : {first, second}) {
            if (const std::string rule = name ? currency_rule(*name, row.currency) : ""; !rule.empty())
                return reject({row.line, "currency", rule});
        }
        const std::size_t index = index_of(*first, row);
        if (second) check_.groups.join(index, index_of(*second, row));
        fingerprints_.push_back(fingerprint_of(row));
    }

    void reject(BadRow bad) {
        check_.bad_lines.push_back(bad.line);
        if (check_.bad_rows.size() < bad_rows_kept) check_.bad_rows.push_back(std::move(bad));
    }

    // Finds references that occur with two bodies: all rows except the first one with each are bad.
    FileCheck finish() {
        std::ranges::sort(fingerprints_, {}, [](const Fingerprint& row) { return std::pair(row.key, row.line); });
        std::vector<BadRow> conflicts;
        const Fingerprint* first = nullptr;
        for (const Fingerprint& row : fingerprints_) {
            if (!first || row.key != first->key) first = &row;
            if (row.body == first->body) continue;
            check_.bad_lines.push_back(row.line);
            conflicts.push_back({row.line, "reference",
                                 fmt::format("must not be reused for a different row (see line {})", first->line)});
        }
        check_.good_rows = fingerprints_.size() - conflicts.size();
        add_first(std::move(conflicts));
        std::ranges::sort(check_.bad_lines);
        return std::move(check_);
    }

    void set_header(std::string header) { check_.header = std::move(header); }

private:
    // The rule that the currency of a row breaks for an account that is known; "" when it breaks none.
    std::string currency_rule(const std::string& name, const std::string& currency) const {
        const auto known = check_.account_index.find(name);
        if (known == check_.account_index.end() || check_.accounts[known->second].currency == currency) return "";
        return fmt::format("must be {}, as in the first row of account '{}'", check_.accounts[known->second].currency,
                           name);
    }

    std::size_t index_of(const std::string& name, const ImportRow& row) {
        const auto [known, is_new] = check_.account_index.try_emplace(name, check_.accounts.size());
        if (is_new) {
            check_.accounts.push_back({name, row.currency, row.is_transfer() && Uuid::parse(name)});
            check_.groups.add();
        }
        return known->second;
    }

    void add_first(std::vector<BadRow> conflicts) {
        std::ranges::sort(conflicts, {}, &BadRow::line);
        conflicts.resize(std::min(conflicts.size(), bad_rows_kept));
        std::ranges::move(conflicts, std::back_inserter(check_.bad_rows));
        std::ranges::sort(check_.bad_rows, {}, &BadRow::line);
    }

    FileCheck check_;
    std::vector<Fingerprint> fingerprints_;
};

std::unexpected<Error> unusable(std::string message) {
    return failure(Disposition::refuse, std::string(roles::bad_usage), std::move(message));
}

}  // namespace

Result<FileCheck> check_file(std::istream& in, const FindAsset& find) {
    CsvReader csv(in);
    CsvRecord record;
    auto more = csv.next(record);
    if (!more) return unusable(more.error().message);
    if (!*more) return unusable("the file is empty: the first line must name the columns");
    LEDGERLINE_TRY(const RowReader reader, RowReader::of_header(record, find));

    Checker checker;
    checker.set_header(record.raw);
    ImportRow row;
    while (true) {
        more = csv.next(record);
        if (!more) return unusable(more.error().message);
        if (!*more) return checker.finish();
        if (auto bad = reader.read(record, row))
            checker.reject(*std::move(bad));
        else
            checker.take(row);
    }
}

Result<std::string> rejects_path(const RejectsOptions& options, const std::string& imported, const ImportFile& file) {
    if (!options.skip_invalid) {
        if (options.path.empty() && !options.overwrite) return "";
        return unusable(fmt::format("--rejects and {} require --skip-invalid", overwrite_rejects_flag));
    }
    if (options.path.empty() && !file.has_place())
        return unusable("--skip-invalid needs --rejects FILE when the input is not a file");
    std::string path = options.path.empty() ? imported + kSuffix : options.path;
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
    if (overwrite) return out.replace();
    return out.keep_other(fmt::format("choose another name, or use {}", overwrite_rejects_flag));
}

}  // namespace ledgerline::cli
