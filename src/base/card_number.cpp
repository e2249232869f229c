#include "base/card_number.h"

#include <string>

#include "base/text.h"

namespace ledgerline {
namespace {

constexpr std::size_t kDigitsMin = 13, kDigitsMax = 19;

// Those of the networks in use: 2221 to 2720, 3, 4, 5 and 6. A number of milliseconds since 1970 begins with 1.
bool begins_like_a_card(std::string_view digits) {
    if (digits.front() == '2') return digits.substr(0, 4) >= "2221" && digits.substr(0, 4) <= "2720";
    return digits.front() >= '3' && digits.front() <= '6';
}

bool has_check_digit(std::string_view digits) {
    int sum = 0;
    bool doubled = false;
    for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, doubled = !doubled) {
        const int value = (*digit - '0') * (doubled ? 2 : 1);
        sum += value > 9 ? value - 9 : value;
    }
    return sum % 10 == 0;
}

bool may_be_card_number(std::string_view digits) {
    return digits.size() >= kDigitsMin && digits.size() <= kDigitsMax && begins_like_a_card(digits) &&
           has_check_digit(digits);
}

}  // namespace

bool holds_card_number(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        if (!is_digit(text[at])) {
            ++at;
            continue;
        }
        const bool letter_before = at > 0 && is_letter(text[at - 1]);
        std::string digits;
        while (at < text.size()) {
            if (is_digit(text[at]))
                digits += text[at];
            else if ((text[at] != ' ' && text[at] != '-') || at + 1 == text.size() || !is_digit(text[at + 1]))
                break;
            ++at;
        }
        const bool letter_after = at < text.size() && is_letter(text[at]);
        if (!letter_before && !letter_after && may_be_card_number(digits)) return true;
    }
    return false;
}

}  // namespace ledgerline
