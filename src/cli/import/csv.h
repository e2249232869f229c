// CsvReader: reads comma-separated values (RFC 4180) record by record, from files of any length.
//
// Also accepted: a UTF-8 byte order mark, lines that end in LF alone, a last line without an end, and empty lines
// (which are skipped). The content of fields is not checked.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "base/result.h"

namespace ledgerline::cli {

struct CsvRecord {
    std::uint64_t line = 0;           // where it begins, from 1
    std::vector<std::string> fields;  // unquoted; incomplete if there is a defect
    std::string raw;                  // as in the file, without the line end
    std::string defect;               // the quoting rule that it breaks; empty if none
};

// Not thread-safe.
class CsvReader {
public:
    static constexpr std::size_t record_bytes_max = 64 * 1024;

    // The stream must outlive it.
    explicit CsvReader(std::istream& in);

    // Reads the next record; false at the end. A record with a defect is read to the end of its line. Error
    // "malformed_file", after which nothing more can be read: an unclosed quote, a record over record_bytes_max, or a
    // failed read.
    Result<bool> next(CsvRecord& record);

private:
    enum class FieldEnd { comma, line, malformed };

    int peek();  // -1 at the end
    int take();
    bool take_line_end();
    void skip_empty_lines();
    FieldEnd read_field(CsvRecord& record);
    FieldEnd read_quoted(CsvRecord& record, std::string& field);
    FieldEnd read_plain(CsvRecord& record, std::string& field);
    FieldEnd spoil(CsvRecord& record, std::string defect);

    std::istream& in_;
    std::vector<char> buffer_;
    std::size_t at_ = 0;
    std::size_t end_ = 0;
    std::uint64_t line_ = 1;
    std::string* raw_ = nullptr;  // of the record being read
    std::string broken_;          // why the file cannot be read any further
};

}  // namespace ledgerline::cli
