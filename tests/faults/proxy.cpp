#include "faults/proxy.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace ledgerline::test {
namespace {

// The statement as its text stands in a Parse message and as its name stands in a Bind message.
constexpr std::string_view kMarks[] = {std::string_view("\0COMMIT\0", 8), std::string_view("\0commit\0", 8)};
constexpr std::size_t kMarkBytes = 8;

// Finds a commit in what a client sends, also where two reads meet.
class CommitFinder {
public:
    bool find(std::string_view bytes) {
        tail_ += bytes;
        const bool found = std::any_of(std::begin(kMarks), std::end(kMarks),
                                       [this](std::string_view mark) { return tail_.contains(mark); });
        tail_.erase(0, found ? tail_.size() : tail_.size() - std::min(tail_.size(), kMarkBytes - 1));
        return found;
    }

private:
    std::string tail_;
};

}  // namespace

class Proxy::CommitCutter final : public TcpProxy::Filter {
public:
    explicit CommitCutter(Proxy& proxy) : proxy_(proxy) {}

    TcpProxy::Passed from_client(std::string_view bytes) override {
        // The connection that takes the last cut is the only one to have it.
        if (proxy_.cuts_left_ > 0 && commits_.find(bytes)) cutting_ = proxy_.cuts_left_.fetch_sub(1) > 0;
        return {std::string(bytes)};
    }
    TcpProxy::Passed from_server(std::string_view bytes) override {
        if (!cutting_) return {std::string(bytes)};
        ++proxy_.commits_cut_;
        return {.bytes = "", .close = true};
    }

private:
    Proxy& proxy_;
    CommitFinder commits_;
    bool cutting_ = false;  // a commit was passed on whose answer is for nobody
};

Proxy::Proxy(std::uint16_t target_port)
    : proxy_(TcpProxy::to_port(target_port), [this] { return std::make_unique<CommitCutter>(*this); }) {}

}  // namespace ledgerline::test
