// OutcomeMeter: the metrics of each settled event and the log lines of each batch. Not thread-safe: each worker has its
// own, which avoids the registry's locks.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "apply/ledger_store.h"
#include "base/clock.h"
#include "observe/metrics.h"

namespace ledgerline::apply {

class OutcomeMeter {
public:
    // Arguments must outlive it.
    OutcomeMeter(Metrics& metrics, const Clock& clock);

    void record(const std::vector<Applied>& outcomes);

private:
    struct Totals {
        prometheus::Counter* transactions;
        prometheus::Counter* amount_cents;
    };
    using Kind = std::tuple<std::string, TransactionType, bool>;  // currency, type, whether it was processed

    Totals& totals_of(const Applied& outcome);

    Metrics& metrics_;
    const Clock& clock_;
    prometheus::Counter& processed_;
    prometheus::Counter& failed_;
    std::map<Kind, Totals> totals_;
};

}  // namespace ledgerline::apply
