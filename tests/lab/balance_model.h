// What becomes of the rows of an import file, computed without any code of the product: the order of the file, one
// balance an account, and a debit that it does not cover changes nothing.
#pragma once

#include <cstdint>
#include <istream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace ledgerline::test {

struct BalanceModel {
    std::map<std::string, std::int64_t> balances;           // by the account's reference
    std::map<std::string, std::vector<std::string>> order;  // references of each account, as in the file
    std::vector<std::string> refused;                       // references
    std::int64_t processed = 0;

    // Of a plain file: no quotes, the columns reference, account, date, type, amount_cents, currency in this order. A
    // row that is there twice counts as processed or refused each time, and moves money once.
    static BalanceModel of(std::istream& file) {
        BalanceModel model;
        std::map<std::pair<std::string, std::string>, bool> seen;
        std::string line;
        std::getline(file, line);
        while (std::getline(file, line)) {
            std::vector<std::string> fields;
            std::istringstream text(line);
            for (std::string field; std::getline(text, field, ',');) fields.push_back(field);
            model.post(fields, seen);
        }
        return model;
    }

private:
    void post(const std::vector<std::string>& fields, std::map<std::pair<std::string, std::string>, bool>& seen) {
        const std::string& account = fields.at(1);
        const auto [known, is_new] = seen.try_emplace({account, fields.at(0)}, true);
        if (is_new) {
            const std::int64_t amount_cents = std::stoll(fields.at(4));
            std::int64_t& balance = balances[account];
            order[account].push_back(fields.at(0));
            known->second = fields.at(3) == "CREDIT" || amount_cents <= balance;
            if (known->second) balance += fields.at(3) == "CREDIT" ? amount_cents : -amount_cents;
        }
        if (known->second)
            ++processed;
        else
            refused.push_back(fields.at(0));
    }
};

}  // namespace ledgerline::test
