// ByteBudget: how many bytes of request bodies all connections together may hold. Safe to use from any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace ledgerline::http {

class ByteBudget {
public:
    explicit ByteBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    // What one request holds of the budget; given back when it is destroyed. One thread at a time.
    class Share {
    public:
        explicit Share(ByteBudget& budget) : budget_(budget) {}
        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;
        ~Share() { release(); }

        // False, and nothing changed, when the budget would be exceeded. bytes: not less than before.
        bool grow_to(std::size_t bytes) {
            const std::size_t more = bytes - bytes_;
            if (budget_.held_.fetch_add(more) + more > budget_.bytes_max_) {
                budget_.held_ -= more;
                return false;
            }
            bytes_ = bytes;
            return true;
        }
        void release() { budget_.held_ -= std::exchange(bytes_, 0); }

    private:
        ByteBudget& budget_;
        std::size_t bytes_ = 0;
    };

    std::size_t held() const { return held_; }

private:
    const std::size_t bytes_max_;
    std::atomic<std::size_t> held_ = 0;
};

}  // namespace ledgerline::http
