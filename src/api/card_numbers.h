// The refusal of metadata with numbers of payment cards: an installation that never stores one stays out of the rules
// for those who do (PCI DSS).
#pragma once

namespace ledgerline::api {

// From now on, metadata that holds_card_number() is refused (invalid_field). Not thread-safe: call it before there are
// threads.
void refuse_card_numbers(bool refused = true);

}  // namespace ledgerline::api
