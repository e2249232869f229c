#include "letters/feed_probe.h"

#include <utility>

#include "observe/log.h"

namespace ledgerline::letters {

void FeedProbe::waiting(std::int64_t letters) { metrics_.dead_letters_unannounced.Set(static_cast<double>(letters)); }

void FeedProbe::published(std::size_t letters) { metrics_.dlq_announced_total.Increment(static_cast<double>(letters)); }

void FeedProbe::refused(const Uuid& letter, const std::string& reason) {
    log::error("dead letters: the bus refuses a letter, however small; it is retried from time to time",
               {{"dead_letter_id", letter}, {"error", reason}});
}

void FeedProbe::database_away(const Error& error) {
    if (!std::exchange(database_is_away_, true))
        log::warn("dead letters: the database is away", {{"code", error.code}, {"error", error.message}});
}

void FeedProbe::database_answered() {
    if (std::exchange(database_is_away_, false)) log::info("dead letters: the database answers again");
}

void FeedProbe::bus_away(const std::string& reason) {
    if (!std::exchange(bus_is_away_, true)) log::warn("dead letters: not published", {{"error", reason}});
}

void FeedProbe::bus_accepted() {
    if (std::exchange(bus_is_away_, false)) log::info("dead letters: the bus accepts them again");
}

}  // namespace ledgerline::letters
