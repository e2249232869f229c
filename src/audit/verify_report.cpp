#include "audit/verify_report.h"

#include <algorithm>
#include <utility>

namespace ledgerline::audit {
namespace {

struct CheckText {
    std::string_view name, claim, unit;
};

constexpr CheckText kTexts[] = {
    {"cursors", "no stage is ahead of the one before it", "lanes"},
    {"dense", "lanes are dense: every seq is exactly one event", "events"},
    {"settled", "every accepted transaction is settled, waiting or dead-lettered", "events"},
    {"outcomes", "applied events have one outcome, all others none", "outcomes"},
    {"identity", "outcomes and dead letters name their event's transaction and account", "events"},
    {"whole", "a transaction is decided at all its places or at none", "transactions"},
    {"entries", "every entry moves the balance by its amount, to balance_after", "entries"},
    {"floor", "no debit ever crossed its account's floor, and no credit its ceiling", "entries"},
    {"settings", "every decision knew its account's settings of that moment", "decisions"},
    {"refusals", "every refusal was right at its point in the lane", "refusals"},
    {"discards", "every discard has its dead letter", "discards"},
    {"replays", "every replay has its dead letter", "replays"},
    {"balances", "every balance is the sum of the account's entries", "accounts"},
    {"holds", "every account holds what its open holds make", "holds"},
    {"links", "reversals and followers agree with the transactions that they name", "transactions"},
    {"audit", "no row of the audit was changed, inserted or left out", "rows"},
    {"halts", "no lane is halted or stuck", "lanes"},
};
static_assert(std::size(kTexts) == check_count);

const CheckText& text_of(Check check) { return kTexts[static_cast<std::size_t>(check)]; }

}  // namespace

std::string_view name_of(Check check) { return text_of(check).name; }
std::string_view claim_of(Check check) { return text_of(check).claim; }
std::string_view unit_of(Check check) { return text_of(check).unit; }

void VerifyReport::violate(Check check, Violation violation) {
    Finding& finding = at(check);
    ++finding.violated;
    if (finding.listed.size() < listed_max_) finding.listed.push_back(std::move(violation));
}

void VerifyReport::add(VerifyReport other) {
    for (std::size_t i = 0; i < check_count; ++i) {
        Finding& mine = findings_[i];
        Finding& theirs = other.findings_[i];
        mine.examined += theirs.examined;
        mine.violated += theirs.violated;
        for (Violation& violation : theirs.listed)
            if (mine.listed.size() < listed_max_) mine.listed.push_back(std::move(violation));
    }
}

bool VerifyReport::ok() const {
    return std::ranges::all_of(findings_, [](const Finding& finding) { return finding.violated == 0; });
}

bool VerifyReport::damaged() const {
    const auto violated = std::ranges::count_if(findings_, [](const Finding& each) { return each.violated > 0; });
    return violated > (finding(Check::halts).violated > 0 ? 1 : 0);
}

}  // namespace ledgerline::audit
