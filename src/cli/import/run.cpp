#include "cli/import/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>
#include <unordered_map>

#include "base/bounded_queue.h"
#include "base/limits.h"
#include "cli/import/sender.h"

namespace ledgerline::cli {
namespace {

constexpr std::size_t kBatchesQueuedMax = 4;  // per connection
constexpr milliseconds kTick{20};
constexpr milliseconds kCallTimeoutLeast{60'000};  // the server may wait up to 30 s for outcomes

void append_side(std::string_view side, const std::string& account_id, std::string& body) {
    body += account_id.empty() ? fmt::format(R"("{}_external":true,)", side)
                               : fmt::format(R"("{}_account_id":"{}",)", side, account_id);
}

// id_of: the id of an account by its name; "" for the outside world.
std::string row_body(const ImportRow& row, const std::function<std::string(const std::string&)>& id_of) {
    const std::string money = fmt::format(R"("amount_cents":{},"currency":"{}")", row.amount_cents, row.currency);
    std::string body = "{";
    if (row.is_transfer()) {
        body += R"("legs":[{)";
        append_side("from", id_of(row.from), body);
        append_side("to", id_of(row.to), body);
        body += money + "}]";
    } else {
        body += fmt::format(R"("account_id":"{}",{},"type":"{}")", id_of(row.account), money, row.type);
    }
    body += R"(,"idempotency_key":)";
    json::append_quoted(row.reference, body);
    if (!row.occurred_at.empty()) body += fmt::format(R"(,"occurred_at":"{}")", row.occurred_at);
    if (!row.metadata.empty()) {
        body += R"(,"metadata":{)";
        for (std::size_t i = 0; i < row.metadata.size(); ++i) {
            if (i > 0) body += ',';
            json::append_quoted(row.metadata[i].first, body);
            body += ':';
            json::append_quoted(row.metadata[i].second, body);
        }
        body += '}';
    }
    return body + '}';
}

// Collects the rows of one connection into batches.
class BatchWriter {
public:
    BatchWriter(std::size_t rows_max, ImportShare share)
        : rows_max_(rows_max), bytes_max_(share.batch_bytes_max), queue_(share.batches_queued_max) {}

    // False when the connection takes no more.
    bool add(BatchRow row) {
        const bool full = batch_.size() == rows_max_ || bytes_ + row.body.size() > bytes_max_;
        if (full && !flush()) return false;
        bytes_ += row.body.size() + 1;
        batch_.push_back(std::move(row));
        return true;
    }
    bool flush() {
        bytes_ = 0;
        return batch_.empty() || queue_.push(std::exchange(batch_, {}));
    }
    BoundedQueue<Batch>& queue() { return queue_; }

private:
    const std::size_t rows_max_;
    const std::size_t bytes_max_;
    Batch batch_;
    std::size_t bytes_ = 0;
    BoundedQueue<Batch> queue_;
};

class Import {
public:
    Import(const roles::Environment& environment, const ImportSettings& settings, const FileCheck& check,
           std::istream& file)
        : environment_(environment),
          settings_(settings),
          check_(check),
          csv_(file),
          state_(environment.clock, settings.give_up),
          account_ids_(check.accounts.size()),
          groups_(check.groups) {
        for (std::int64_t i = 0; i < settings.connections; ++i)
            writers_.emplace_back(static_cast<std::size_t>(settings.batch_rows),
                                  import_share(static_cast<std::size_t>(settings.connections)));
    }

    ImportOutcome run() {
        const SteadyTime begun_at = environment_.clock.steady_now();
        ImportOutcome outcome;
        {
            std::vector<std::jthread> threads;
            start_all(threads);
            outcome.interrupted = watch();
        }
        outcome.counts = state_.counts();
        outcome.error = state_.error();
        outcome.seconds = std::chrono::duration<double>(environment_.clock.steady_now() - begun_at).count();
        return outcome;
    }

private:
    // A system that cannot start a thread ends the import, not the process.
    void start_all(std::vector<std::jthread>& threads) {
        guarded([&] {
            for (BatchWriter& writer : writers_)
                threads.emplace_back([this, &writer] {
                    guarded([&] { serve(writer); });
                    ++finished_;
                });
        });
        finished_ += writers_.size() - threads.size();
    }

    // The body of every thread of the import. An exception ends the import, which then reports it.
    template <class Work>
    void guarded(const Work& work) {
        try {
            work();
        } catch (const std::exception& exception) {
            end(Error{Disposition::stop, "exception", fmt::format("the import cannot continue: {}", exception.what())});
        }
    }

    // One connection: ensures its share of the accounts, then sends its rows. The last connection to have its accounts
    // deals out the rows.
    void serve(BatchWriter& writer) {
        ServerOptions options = settings_.server;
        options.timeout = std::max(options.timeout, kCallTimeoutLeast);
        auto server = Server::open(options);
        if (!server) {
            end(server.error());
        } else {
            ImportSender sender(*std::move(server), environment_.random, state_);
            make_accounts(sender);
            std::jthread dealer;
            if (++ready_ == writers_.size()) dealer = std::jthread([this] { guarded([this] { deal_rows(); }); });
            while (auto batch = writer.queue().pop()) sender.settle(*std::move(batch));
        }
    }

    void make_accounts(ImportSender& sender) {
        for (std::size_t i; (i = next_account_++) < check_.accounts.size() && !state_.stopping();)
            if (auto id = sender.ensure_account(check_.accounts[i])) account_ids_[i] = *std::move(id);
    }

    void deal_rows() {
        if (!state_.stopping()) {
            if (const auto dealt = read_and_deal(); !dealt) end(dealt.error());
        }
        for (BatchWriter& writer : writers_) writer.queue().close();
    }

    // An account may have two names: its reference and its id.
    void unite_names() {
        std::unordered_map<std::string_view, std::size_t> first;
        for (std::size_t i = 0; i < account_ids_.size(); ++i) {
            same_.push_back(first.try_emplace(account_ids_[i], i).first->second);
            groups_.join(i, same_[i]);
        }
    }

    Result<void> read_and_deal() {
        unite_names();
        CsvRecord record;
        LEDGERLINE_TRY(bool more, csv_.next(record));
        LEDGERLINE_TRY(const RowReader reader, RowReader::of_header(record, settings_.find_asset));
        auto bad_line = check_.bad_lines.begin();
        std::uint64_t rows = 0;
        for (ImportRow row; more;) {
            LEDGERLINE_TRY(more, csv_.next(record));
            if (!more) break;
            if (bad_line != check_.bad_lines.end() && record.line == *bad_line) {
                ++bad_line;
                continue;
            }
            if (reader.read(record, row)) return changed();
            const auto dealt = deal(row);
            if (!dealt) return changed();
            if (!*dealt) return {};
            ++rows;
        }
        for (BatchWriter& writer : writers_) writer.flush();
        return rows == check_.good_rows ? Result<void>() : changed();
    }

    // False when its connection takes no more; nothing when the file was changed.
    std::optional<bool> deal(const ImportRow& row) {
        const auto [first, second] = row.accounts();
        const auto one = check_.account_index.find(*first);
        const auto other = second ? check_.account_index.find(*second) : one;
        if (one == check_.account_index.end() || other == check_.account_index.end()) return std::nullopt;
        BatchWriter& writer = writers_[groups_.group_of(one->second) % writers_.size()];
        const auto id_of = [this](const std::string& name) {
            return name.empty() ? "" : account_ids_[check_.account_index.at(name)];
        };
        return writer.add({row.line, {same_[one->second], same_[other->second]}, row_body(row, id_of)});
    }

    static std::unexpected<Error> changed() {
        return failure(Disposition::refuse, "file_changed", "the file was changed during the import");
    }

    void end(Error error) {
        state_.fail(std::move(error));
        for (BatchWriter& writer : writers_) writer.queue().cancel();
    }

    // Waits until all connections have finished. Returns whether it was interrupted.
    bool watch() {
        bool interrupted = false;
        while (finished_ < writers_.size()) {
            if (settings_.wait_interrupt(kTick)) {
                interrupted = true;
                settings_.on_interrupt();
                state_.stop();
            }
            if (state_.stopping())
                for (BatchWriter& writer : writers_) writer.queue().cancel();
            settings_.on_progress(state_.counts().settled());
        }
        return interrupted;
    }

    const roles::Environment& environment_;
    const ImportSettings& settings_;
    const FileCheck& check_;
    CsvReader csv_;
    ImportState state_;
    std::vector<std::string> account_ids_;
    // Of the thread that deals.
    std::vector<std::size_t> same_;  // by account: the first that has its id
    AccountGroups groups_;
    std::deque<BatchWriter> writers_;  // one per connection
    std::atomic<std::size_t> next_account_ = 0;
    std::atomic<std::size_t> ready_ = 0;
    std::atomic<std::size_t> finished_ = 0;
};

}  // namespace

ImportShare import_share(std::size_t connections) {
    const std::size_t bytes = limits::import_queue_bytes_max / std::max<std::size_t>(connections, 1);
    // One batch is filled while others wait.
    const std::size_t batch = std::min(limits::import_batch_bytes_max, bytes / 2);
    return {batch, std::clamp<std::size_t>(bytes / batch - 1, 1, kBatchesQueuedMax)};
}

ImportOutcome run_import(const roles::Environment& environment, const ImportSettings& settings, const FileCheck& check,
                         std::istream& file) {
    return Import(environment, settings, check, file).run();
}

}  // namespace ledgerline::cli
