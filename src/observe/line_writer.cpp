#include "observe/line_writer.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace ledgerline {
namespace {

// Lines are gathered this long, or until they are this many, before they are written: waking the thread costs more than
// writing a line.
constexpr milliseconds kGatherTime{5};
constexpr std::size_t kGatheredBytes = std::size_t{64} << 10;

// As many whole lines from the front as a pipe takes atomically, so that lines of several processes on one pipe do not
// interleave; a longer line is returned alone.
std::string_view front_lines(std::string_view text) {
    const std::size_t last = text.substr(0, PIPE_BUF).rfind('\n');
    return text.substr(0, (last != std::string_view::npos ? last : text.find('\n')) + 1);
}

// Whether the descriptor accepts something now, or is about to report why not. Waits as long as it is merely full.
bool wait_for_room(int descriptor) {
    pollfd waited{descriptor, POLLOUT, 0};
    return poll(&waited, 1, -1) >= 0 || errno == EINTR;
}

// Returns how many bytes were written: fewer than all only when the descriptor does not accept the rest.
std::size_t write_all(int descriptor, std::string_view text) {
    std::size_t written = 0;
    while (written < text.size()) {
        const ssize_t bytes = ::write(descriptor, text.data() + written, text.size() - written);
        if (bytes > 0)
            written += static_cast<std::size_t>(bytes);
        else if (bytes == 0 || (errno != EINTR && !(errno == EAGAIN && wait_for_room(descriptor))))
            break;
    }
    return written;
}

// Starts a thread to which no signal is delivered. False: the system cannot start one.
template <class Run>
bool start_detached(Run run) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = true;
    try {
        std::thread thread(std::move(run));
        pthread_setname_np(thread.native_handle(), "log-writer");
        thread.detach();
    } catch (const std::system_error&) {
        started = false;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

}  // namespace

class LineWriter::Queue : public std::enable_shared_from_this<Queue> {
public:
    Queue(int descriptor, std::size_t bytes_max, DropNote drop_note)
        : descriptor_(descriptor), bytes_max_(bytes_max), drop_note_(std::move(drop_note)) {}

    void push(std::string line) {
        line.push_back('\n');
        const std::lock_guard lock(mutex_);
        // The first line starts the thread: most commands never log one.
        if (!running_) running_ = start_detached([self = shared_from_this()] { self->run(); });
        if (!running_ || queued_bytes_ + line.size() > bytes_max_) return count_dropped(1);
        queued_bytes_ += line.size();
        const bool was_below = waiting_.size() < kGatheredBytes;
        const bool is_first = waiting_.empty();
        waiting_ += line;
        if (is_first || (was_below && waiting_.size() >= kGatheredBytes)) changed_.notify_all();
    }

    bool flush(milliseconds at_most) {
        std::unique_lock lock(mutex_);
        ++flushing_;
        changed_.notify_all();
        const bool done = changed_.wait_for(lock, at_most, [this] { return idle(); });
        --flushing_;
        return done;
    }

    void end() {
        const std::lock_guard lock(mutex_);
        ending_ = true;
        changed_.notify_all();
    }

    std::uint64_t dropped() const {
        const std::lock_guard lock(mutex_);
        return dropped_;
    }

private:
    bool idle() const { return !running_ || (queued_bytes_ == 0 && !writing_); }

    void count_dropped(std::uint64_t lines) {
        dropped_ += lines;
        untold_ += lines;
    }

    void run() {
        std::unique_lock lock(mutex_);
        while (true) {
            changed_.wait(lock, [this] { return !waiting_.empty() || ending_; });
            if (waiting_.empty()) return;
            changed_.wait_for(lock, kGatherTime,
                              [this] { return ending_ || flushing_ > 0 || waiting_.size() >= kGatheredBytes; });
            writing_ = true;
            const std::string taken = std::exchange(waiting_, {});
            write(taken, lock);
            writing_ = false;
            changed_.notify_all();
        }
    }

    // Called and returns with the lock held; releases it while writing.
    void write(std::string_view taken, std::unique_lock<std::mutex>& lock) {
        while (!taken.empty()) {
            const std::string_view lines = front_lines(taken);
            const std::string_view refused = write_unlocked(lines, lock);
            count_dropped(static_cast<std::uint64_t>(std::ranges::count(refused, '\n')));
            taken.remove_prefix(lines.size());
            queued_bytes_ -= lines.size();
            // Reported once there is substantial room, not after every few lines that a slow reader takes.
            if (refused.empty() && untold_ > 0 && queued_bytes_ <= bytes_max_ / 2) tell_dropped(lock);
        }
    }

    void tell_dropped(std::unique_lock<std::mutex>& lock) {
        const std::uint64_t told = std::exchange(untold_, 0);
        std::string note;
        try {
            note = drop_note_(told) + "\n";
        } catch (...) {  // out of memory: reported later
            untold_ += told;
            return;
        }
        if (!write_unlocked(note, lock).empty()) untold_ += told;
    }

    // Returns what the descriptor did not accept.
    std::string_view write_unlocked(std::string_view lines, std::unique_lock<std::mutex>& lock) {
        lock.unlock();
        // After a line that was cut off, starts a new one.
        if (torn_ && write_all(descriptor_, "\n") == 1) torn_ = false;
        const std::size_t written = write_all(descriptor_, lines);
        if (written > 0) torn_ = lines[written - 1] != '\n';
        lock.lock();
        return lines.substr(written);
    }

    const int descriptor_;
    const std::size_t bytes_max_;
    const DropNote drop_note_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::string waiting_;           // whole lines
    std::size_t queued_bytes_ = 0;  // of these and of those being written
    std::uint64_t dropped_ = 0;
    std::uint64_t untold_ = 0;  // the part of dropped_ not reported yet
    bool running_ = false;
    bool writing_ = false;
    bool ending_ = false;
    int flushing_ = 0;   // callers
    bool torn_ = false;  // used only by the thread
};

LineWriter::LineWriter(int descriptor, std::size_t queue_bytes_max, DropNote drop_note)
    : queue_(std::make_shared<Queue>(descriptor, queue_bytes_max, std::move(drop_note))) {}

LineWriter::~LineWriter() { queue_->end(); }

void LineWriter::push(std::string line) { queue_->push(std::move(line)); }
bool LineWriter::flush(milliseconds at_most) { return queue_->flush(at_most); }
std::uint64_t LineWriter::dropped() const { return queue_->dropped(); }

}  // namespace ledgerline
