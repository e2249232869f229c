#include "lab/json_schema.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>

#include "base/json.h"
#include "lab/test_database.h"

namespace ledgerline::test {

JsonSchema::JsonSchema(const std::string& name) : path_(fmt::format("{}/{}.json", SCHEMAS_DIR, name)) {}

JsonSchema JsonSchema::of_text(const std::string& text) {
    JsonSchema schema;
    schema.own_ = std::make_shared<TempDir>();
    schema.path_ = schema.own_->path() / "schema.json";
    std::ofstream(schema.path_) << text;
    return schema;
}

std::vector<std::string> JsonSchema::check(const std::vector<std::string>& documents) const {
    const TempDir dir;
    const std::string lines_path = dir.path() / "documents";
    {
        std::ofstream lines(lines_path, std::ios::binary);
        for (const std::string& document : documents) lines << document << '\n';
    }
    // Debian's interpreter, for which scripts/bootstrap installs the package.
    const std::string command =
        fmt::format("/usr/bin/python3 '{}' '{}' '{}' 2>&1", VALIDATE_PROGRAM, path_, lines_path);
    FILE* pipe = popen(command.c_str(), "r");
    LEDGERLINE_ASSERT(pipe != nullptr);
    std::string output;
    std::array<char, 4096> buffer{};
    while (const std::size_t bytes = fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), bytes);
    EXPECT_EQ(pclose(pipe), 0) << output;

    std::vector<std::string> verdicts;
    for (std::size_t at = 0; at < output.size();) {
        const std::size_t end = std::min(output.find('\n', at), output.size());
        verdicts.push_back(output.substr(at, end - at));
        at = end + 1;
    }
    EXPECT_EQ(verdicts.size(), documents.size()) << output;
    verdicts.resize(documents.size(), "not checked");
    return verdicts;
}

std::string headers_json(const std::vector<Header>& headers) {
    json::Object object;
    for (const auto& [name, value] : headers) {
        const auto same = std::ranges::find(object, name, &json::Member::first);
        if (same == object.end())
            object.emplace_back(name, value);
        else
            same->second = *same->second.if_string() + "\n" + value;
    }
    return json::serialize(std::move(object));
}

}  // namespace ledgerline::test
