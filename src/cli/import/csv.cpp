#include "cli/import/csv.h"

#include <fmt/format.h>

namespace ledgerline::cli {
namespace {

constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

CsvReader::CsvReader(std::istream& in) : in_(in), buffer_(kBufferBytes) {
    peek();
    if (std::string_view(buffer_.data(), end_).starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
}

int CsvReader::peek() {
    if (at_ == end_) {
        in_.read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
        at_ = 0;
        end_ = static_cast<std::size_t>(in_.gcount());
        if (in_.bad()) broken_ = "the file cannot be read";
        if (end_ == 0) return -1;
    }
    return static_cast<unsigned char>(buffer_[at_]);
}

int CsvReader::take() {
    const int c = peek();
    if (c < 0) return c;
    ++at_;
    if (c == '\n') ++line_;
    if (raw_) raw_->push_back(static_cast<char>(c));
    return c;
}

// The CR of a CR LF has already been added to the record; the caller removes it.
bool CsvReader::take_line_end() {
    if (peek() == '\n') {
        take();
        if (raw_) raw_->pop_back();
        return true;
    }
    return peek() < 0;
}

void CsvReader::skip_empty_lines() {
    raw_ = nullptr;
    while (peek() == '\n' || peek() == '\r') take();
}

Result<bool> CsvReader::next(CsvRecord& record) {
    skip_empty_lines();
    record.fields.clear();
    record.raw.clear();
    record.defect.clear();
    record.line = line_;
    if (peek() < 0 && broken_.empty()) return false;

    raw_ = &record.raw;
    FieldEnd end = FieldEnd::comma;
    while (end == FieldEnd::comma) end = read_field(record);
    raw_ = nullptr;
    if (record.raw.ends_with('\r')) record.raw.pop_back();
    if (!broken_.empty())
        return failure(Disposition::refuse, "malformed_file", fmt::format("line {}: {}", record.line, broken_));
    return true;
}

CsvReader::FieldEnd CsvReader::read_field(CsvRecord& record) {
    std::string& field = record.fields.emplace_back();
    return peek() == '"' ? read_quoted(record, field) : read_plain(record, field);
}

CsvReader::FieldEnd CsvReader::read_plain(CsvRecord& record, std::string& field) {
    while (broken_.empty()) {
        if (take_line_end()) {
            if (field.ends_with('\r')) field.pop_back();
            return FieldEnd::line;
        }
        const int c = take();
        if (field.ends_with('\r'))
            return spoil(record, "a carriage return must be followed by a line feed or be quoted");
        if (c == ',') return FieldEnd::comma;
        if (c == '"') return spoil(record, "a field with a quote in it must be quoted, and the quote doubled");
        field.push_back(static_cast<char>(c));
        if (record.raw.size() > record_bytes_max) broken_ = fmt::format("a row has over {} bytes", record_bytes_max);
    }
    return FieldEnd::malformed;
}

CsvReader::FieldEnd CsvReader::read_quoted(CsvRecord& record, std::string& field) {
    take();
    while (broken_.empty()) {
        const int c = take();
        if (c < 0) {
            broken_ = "a quote is never closed";
        } else if (c != '"') {
            field.push_back(static_cast<char>(c));
        } else if (peek() == '"') {
            field.push_back(static_cast<char>(take()));
        } else {
            if (peek() == '\r') take();
            if (take_line_end()) return FieldEnd::line;
            if (take() == ',' && !record.raw.ends_with("\r,")) return FieldEnd::comma;
            return spoil(record, "a closing quote must be followed by a comma or the end of the line");
        }
        if (record.raw.size() > record_bytes_max)
            broken_ = fmt::format("a row has over {} bytes: is a quote never closed?", record_bytes_max);
    }
    return FieldEnd::malformed;
}

CsvReader::FieldEnd CsvReader::spoil(CsvRecord& record, std::string defect) {
    record.defect = std::move(defect);
    while (broken_.empty() && !take_line_end()) {
        take();
        if (record.raw.size() > record_bytes_max) broken_ = fmt::format("a row has over {} bytes", record_bytes_max);
    }
    return broken_.empty() ? FieldEnd::line : FieldEnd::malformed;
}

}  // namespace ledgerline::cli
