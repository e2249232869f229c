#include <algorithm>

#include "lab/memory_database.h"

namespace ledgerline::test {

class MemoryDeadLetterStore final : public letters::DeadLetterStore {
public:
    explicit MemoryDeadLetterStore(MemoryDatabase& database) : database_(database), tables_(database.tables) {}

    Result<std::vector<DeadLetter>> read_unannounced(const std::string& owner, const Uuid& after,
                                                     std::size_t letters_max, std::size_t bytes_max) override {
        std::lock_guard lock(database_.mutex_);
        std::vector<const MemoryTables::Letter*> found;
        for (const MemoryTables::Letter& letter : tables_.letters)
            if (!letter.announced && letter.id > after && owner_of(letter) == owner) found.push_back(&letter);
        std::ranges::sort(found, {}, &MemoryTables::Letter::id);
        found.resize(std::min(found.size(), letters_max));
        std::vector<DeadLetter> letters;
        std::size_t bytes = 0;
        for (const auto* letter : found) {
            if (bytes > bytes_max) break;
            letters.push_back(as_read(*letter));
            bytes += letters.back().original.value.size();
        }
        return letters;
    }

    Result<void> mark_announced(std::span<const Uuid> ids) override {
        std::lock_guard lock(database_.mutex_);
        for (MemoryTables::Letter& letter : tables_.letters)
            if (std::ranges::find(ids, letter.id) != ids.end()) letter.announced = true;
        return {};
    }

    Result<std::int64_t> count_unannounced() override {
        std::lock_guard lock(database_.mutex_);
        return std::ranges::count(tables_.letters, false, &MemoryTables::Letter::announced);
    }

private:
    const std::string& owner_of(const MemoryTables::Letter& letter) const {
        return tables_.lanes.at(letter.lane % static_cast<int>(tables_.lanes.size())).owner;
    }

    static DeadLetter as_read(const MemoryTables::Letter& letter) {
        DeadLetter read;
        read.id = letter.id;
        read.topic = letter.incoming.topic;
        read.partition = letter.incoming.partition;
        read.offset = letter.incoming.offset;
        read.original = letter.incoming.message;
        read.value_bytes = std::ssize(read.original.value);
        read.original.value.resize(std::min(read.original.value.size(), dead_letter_value_bytes_max));
        read.error_class = letter.error_class;
        read.error_code = letter.error_code;
        read.error_message = letter.error_message;
        read.attempts = letter.attempts;
        read.first_failed_at = letter.first_failed_at;
        read.last_failed_at = letter.last_failed_at;
        return read;
    }

    MemoryDatabase& database_;
    MemoryTables& tables_;
};

std::unique_ptr<letters::DeadLetterStore> MemoryDatabase::make_dead_letter_store() {
    return std::make_unique<MemoryDeadLetterStore>(*this);
}

}  // namespace ledgerline::test
