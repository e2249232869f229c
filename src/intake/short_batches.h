// ShortBatches: keeps intake's batches short and apart while one tenant sends much and another one little, whose rows
// wait for the batch before theirs, and for the CPU. Used on one thread.
//
//     wait for short_batches.rest(now), unless a tenant waits that does not send_much()
//     batch = take at most short_batches.rows_max(now)
//     short_batches.note(batch's parts, now)
//     ... accept it ...
//     short_batches.learn(rows, how long that took)
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>
#include <span>

#include "base/clock.h"

namespace ledgerline::intake {

struct Sharing {
    milliseconds batch_max{1};        // what a short batch is to take
    std::size_t batch_rows_min = 16;  // of one that takes longer: fewer cost nearly as much. Fewer are little
    milliseconds remembered{1'000};   // that a tenant sent much, or little
    int rest_percent = 50;            // of what a short batch took: how long the next one of the flood waits
    milliseconds rest_max{5};         // the longest such wait
};

class ShortBatches {
public:
    // A tenant's rows in a batch.
    struct Part {
        int tenant = 0;
        std::size_t rows = 0;
        bool whole = true;  // no others of it wait
    };

    explicit ShortBatches(const Sharing& sharing) : sharing_(sharing) {}

    std::size_t rows_max(SteadyTime now) const {
        return is_shared(now) ? short_rows_ : std::numeric_limits<std::size_t>::max();
    }

    SteadyTime::duration rest(SteadyTime now) const {
        if (!is_shared(now)) return {};
        return std::min<SteadyTime::duration>(last_took_ * sharing_.rest_percent / 100, sharing_.rest_max);
    }

    bool sends_much(int tenant, SteadyTime now) const {
        const auto until = much_until_by_tenant_.find(tenant);
        return until != much_until_by_tenant_.end() && now < until->second;
    }

    // Whoever sends much does not send little as well, even if a batch has only a few of its rows.
    void note(std::span<const Part> parts, SteadyTime now) {
        const SteadyTime until = now + sharing_.remembered;
        for (const Part& part : parts) {
            SteadyTime& much_until = much_until_by_tenant_[part.tenant];
            const bool much = !part.whole || part.rows > sharing_.batch_rows_min;
            if (much) much_until_ = much_until = until;
            if (much && part.tenant == little_tenant_) little_until_ = {};
            if (much_until > now) continue;
            little_tenant_ = part.tenant;
            little_until_ = until;
        }
    }

    void learn(std::size_t rows, SteadyTime::duration took) {
        last_took_ = took;
        const auto fitting =
            static_cast<std::size_t>(sharing_.batch_max * rows / std::max(took, SteadyTime::duration(1)));
        short_rows_ = std::max(fitting, sharing_.batch_rows_min);
    }

private:
    bool is_shared(SteadyTime now) const { return now < std::min(much_until_, little_until_); }

    const Sharing sharing_;
    std::map<int, SteadyTime> much_until_by_tenant_;  // of all tenants that ever sent
    SteadyTime much_until_{};                         // of the last one
    SteadyTime little_until_{};                       // of little_tenant_, the last one
    int little_tenant_ = 0;
    std::size_t short_rows_ = std::numeric_limits<std::size_t>::max();
    SteadyTime::duration last_took_{};
};

}  // namespace ledgerline::intake
