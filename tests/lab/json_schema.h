// JsonSchema: one of the published schemas (schemas/), checked by an implementation that is not ours.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "domain/event.h"
#include "lab/temp_dir.h"

namespace ledgerline::test {

class JsonSchema {
public:
    // name: of the file below schemas/, without .json.
    explicit JsonSchema(const std::string& name);
    // A schema that comes from elsewhere.
    static JsonSchema of_text(const std::string& text);

    // "ok" for each document that is valid, otherwise the first rule that it breaks. Each must be JSON in one line.
    // Fails the test when the validator cannot be run or does not take the schema.
    std::vector<std::string> check(const std::vector<std::string>& documents) const;

private:
    JsonSchema() = default;

    std::string path_;
    std::shared_ptr<TempDir> own_;  // holds the file of a text
};

// Headers as the object that the schemas of headers describe. Of a name that occurs twice, both values stand in one
// text, which no rule for a header that occurs once allows.
std::string headers_json(const std::vector<Header>& headers);

}  // namespace ledgerline::test
