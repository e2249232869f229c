// JsonSchema: one of the published schemas (schemas/), checked by an implementation that is not ours.
#pragma once

#include <string>
#include <vector>

#include "domain/event.h"

namespace ledgerline::test {

class JsonSchema {
public:
    // name: of the file below schemas/, without .json.
    explicit JsonSchema(const std::string& name);

    // "ok" for each document that is valid, otherwise the first rule that it breaks. Each must be JSON in one line.
    // Fails the test when the validator cannot be run or does not take the schema.
    std::vector<std::string> check(const std::vector<std::string>& documents) const;

private:
    std::string path_;
};

// Headers as the object that the schemas of headers describe. Of a name that occurs twice, both values stand in one
// text, which no rule for a header that occurs once allows.
std::string headers_json(const std::vector<Header>& headers);

}  // namespace ledgerline::test
