#!/usr/bin/env python3
"""Embeds the SQL of the project: embed_sql.py SQL_DIR OUTPUT_DIR [LATER_MIGRATION...]

Writes queries.h, all_queries.h and migrations.h. A file that did not change is left alone, so that nothing is compiled
again for it. sql/README.md says how queries and migrations are written; what breaks its rules ends here, with the file
and the line.
"""
import pathlib
import re
import sys

# PostgreSQL type: how an argument and a column of it look in C++.
ARGUMENT_TYPES = {
    "int4": "int", "int8": "std::int64_t", "bool": "bool", "text": "std::string_view", "jsonb": "std::string_view",
    "uuid": "Uuid", "timestamptz": "WallTime", "bytea": "db::Bytes",
    "int4[]": "std::span<const int>", "int8[]": "std::span<const std::int64_t>", "uuid[]": "std::span<const Uuid>",
    "int8?[]": "std::span<const std::optional<std::int64_t>>", "float8": "double", "jsonb?[]": "std::span<const std::optional<std::string>>",
    "text[]": "std::span<const std::string>", "text?[]": "std::span<const std::optional<std::string>>",
    "uuid?[]": "std::span<const std::optional<Uuid>>", "timestamptz?[]": "std::span<const std::optional<WallTime>>",
}
COLUMN_TYPES = {
    "int4": "int", "int8": "std::int64_t", "bool": "bool", "text": "std::string", "jsonb": "std::string",
    "uuid": "Uuid", "timestamptz": "WallTime", "bytea": "db::Bytes",
}
FIELD = re.compile(r"^([a-z][a-z0-9_]*) ([a-z0-9]+\??(?:\[\])?\??)$")


class Wrong(Exception):
    pass


class Section:
    """What follows one "-- name:" or "-- record:" line up to the next."""

    def __init__(self, path, line, kind, name):
        self.path, self.line, self.kind, self.name = path, line, kind, name
        self.declared = {}  # "args" or "row": the text behind it
        self.sql = []

    def fail(self, why):
        raise Wrong(f"{self.path}:{self.line}: {self.name}: {why}")


def sections_of(path):
    """The sections of a file; what stands before the first is its comment."""
    found = []
    last = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if match := re.match(r"^-- (name|record): (.*)$", line):
            if not re.fullmatch(r"[a-z][a-z0-9_]*", match[2]):
                raise Wrong(f"{path}:{number}: '{match[2]}' is not a lower-case identifier")
            found.append(Section(path, number, match[1], match[2]))
            last = None
        elif found and (match := re.match(r"^-- (args|row|columns): (.*)$", line)):
            last = match[1]
            if last in found[-1].declared:
                found[-1].fail(f"'-- {last}:' stands there twice")
            found[-1].declared[last] = match[2]
        elif found and last and (match := re.match(r"^--   +(.*)$", line)):
            found[-1].declared[last] += " " + match[1]
        elif found:
            last = None
            found[-1].sql.append(line)
    return found


def fields_of(section, text, types):
    fields = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = FIELD.match(part)
        if not match:
            section.fail(f"'{part}' is not 'name type'")
        nullable = match[2].endswith("?")
        kind = match[2].removesuffix("?")
        if kind not in types:
            section.fail(f"'{kind}' is none of {', '.join(types)}")
        fields.append((match[1], kind, nullable))
    names = [name for name, _, _ in fields]
    if len(set(names)) != len(names):
        section.fail("a name stands there twice")
    return fields


def cpp_type(kind, nullable, types):
    return f"std::optional<{types[kind]}>" if nullable else types[kind]


def camel(name):
    return "".join(part.capitalize() for part in name.split("_"))


def members(fields, types):
    plain = {"int", "std::int64_t", "bool", "double"}
    text = ""
    for name, kind, nullable in fields:
        kind_text = cpp_type(kind, nullable, types)
        text += f"    {kind_text} {name}{' = {}' if kind_text in plain else '{}'};\n"
    return text


def record(name, fields):
    """add_to() makes each column a member of a JSON object; jsonb stands there as it is."""
    adds = "".join(f'.{"add_raw" if kind == "jsonb" else "add"}("{field}", {field})' for field, kind, _ in fields)
    names = ", ".join(f'"{field}"' for field, _, _ in fields)
    reads = ", ".join(f"in.get<{cpp_type(kind, nullable, COLUMN_TYPES)}>({at})" for at, (_, kind, nullable) in enumerate(fields))
    return (f"struct {name} {{\n{members(fields, COLUMN_TYPES)}\n"
            f"    static constexpr std::string_view columns[] = {{{names}}};\n"
            f"    static {name} read(const db::NamedRow& in) {{ return {{{reads}}}; }}\n"
            f"    template <class Object>\n    void add_to(Object& object) const {{ object{adds}; }}\n}};\n")


def record_of_records(parts):
    """A row that is made of several records. A column that two of them have is read by both."""
    fields = [field for _, part in parts for field in part]
    names = ", ".join(f'"{field}"' for field, _, _ in fields)
    held, reads, at = "", [], 0
    for name, part in parts:
        held += f"    {camel(name)} {name}{{}};\n"
        reads.append(f"{camel(name)}::read(in.from({at}))")
        at += len(part)
    return fields, (f"struct Row {{\n{held}\n    static constexpr std::string_view columns[] = {{{names}}};\n"
                    f"    static Row read(const db::NamedRow& in) {{ return {{{', '.join(reads)}}}; }}\n}};\n")


def declared_columns(fields):
    return "{" + ", ".join(f'{{"{name}", "{kind}"}}' for name, kind, _ in fields) + "}"


def statement(name, sql, gives_rows):
    return f'db::Statement{{"{name}", R"sql({sql})sql"{", db::Form::binary" if gives_rows else ""}}}'


def with_columns(section, sql, records):
    """{transaction} and {s.transaction} stand for the columns of a record; {transaction - metadata, seq} leaves some
    out."""
    def columns(match):
        table, name, left_out = match.groups()
        if name not in records:
            section.fail(f"there is no record '{name}'")
        names = [field for field, _, _ in records[name]]
        without = left_out.split(", ") if left_out else []
        for field in without:
            if field not in names:
                section.fail(f"'{name}' has no column '{field}'")
        return ", ".join((table or "") + field for field in names if field not in without)
    return re.sub(r"\{([a-z]\w*\.)?([a-z]\w*)(?: - (\w+(?:, \w+)*))?\}", columns, sql)


def check_placeholders(section, sql, count):
    used = {int(number) for number in re.findall(r"\$(\d+)", sql)}
    if used != set(range(1, count + 1)):
        section.fail(f"declares {count} arguments and uses ${', $'.join(map(str, sorted(used))) or 'none'}")


def queries(paths):
    records, out, names = {}, [], []
    for path in paths:
        for section in sections_of(path):
            full = f"{path.stem}_{section.name}"
            if section.kind == "record":
                if "columns" not in section.declared:
                    section.fail("'-- columns:' is missing")
                records[section.name] = fields_of(section, section.declared["columns"], COLUMN_TYPES)
                out.append(record(camel(section.name), records[section.name]))
                continue
            sql = with_columns(section, "\n".join(section.sql).strip(), records)
            if "args" not in section.declared and "row" not in section.declared:
                section.fail("'-- args:' or '-- row:' is missing; a statement with neither says '-- args: none'")
            args_text = section.declared.get("args", "none")
            args = [] if args_text == "none" else fields_of(section, args_text, ARGUMENT_TYPES)
            check_placeholders(section, sql, len(args))
            row, row_text, row_fields = "", section.declared.get("row"), []
            if row_text in records:
                row, row_fields = f"    using Row = {camel(row_text)};\n", records[row_text]
            elif row_text is not None:
                parts = [part.strip() for part in row_text.split(",")]
                if all(part in records for part in parts):
                    row_fields, nested = record_of_records([(part, records[part]) for part in parts])
                else:
                    row_fields = fields_of(section, row_text, COLUMN_TYPES)
                    nested = record("Row", row_fields)
                row = "".join(f"    {line}\n" if line else "\n" for line in nested.splitlines())
            binds = "".join(f".add{'_jsonb' if kind == 'jsonb?[]' else ''}({name})" for name, kind, _ in args)
            out.append(f"struct {camel(full)} {{\n"
                       f"    static constexpr auto statement = {statement(full, sql, row_text)};\n"
                       f"{row}{members(args, ARGUMENT_TYPES)}"
                       f"    db::Params params() const {{ return {'std::move(db::Params()' + binds + ')' if binds else '{}'}; }}\n}};\n")
            names.append((camel(full) + '::statement', declared_columns(args), declared_columns(row_fields)))
    return out, names


def migrations(paths, later):
    """later: files of versions to come, for tests: numbered after the others, compatible from "here" or "before"."""
    text = ""
    for path in paths:
        named = re.fullmatch(r"([0-9]{4})_[a-z0-9_]+", path.stem)
        if not named:
            raise Wrong(f"{path}: a migration is named NNNN_what_it_does.sql")
        sql = path.read_text()
        compatible = re.search(r"-- compatible-from: ([0-9]+)\n", sql)
        if not compatible:
            raise Wrong(f"{path}: '-- compatible-from: N' is missing: the oldest schema level whose binaries work with it")
        text += f'    {{{int(named[1])}, "{path.stem}", {compatible[1]}, R"sql({sql})sql"}},\n'
    for level, path in enumerate(later, len(paths) + 1):
        sql = path.read_text().replace("from: here\n", f"from: {level}\n").replace("from: before\n", f"from: {level - 1}\n")
        compatible = re.search(r"-- compatible-from: ([0-9]+)\n", sql)[1]
        text += f'    {{{level}, "{level:04}_{path.stem}", {compatible}, R"sql({sql})sql"}},\n'
    return text


def write(path, text):
    text = "// Generated from sql/. Do not edit.\n#pragma once\n" + text
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main(source, output, later):
    output.mkdir(parents=True, exist_ok=True)
    out, names = queries(sorted((source / "queries").glob("*.sql")))
    write(output / "queries.h",
          '#include "db/query.h"\nnamespace ledgerline::sql {\n' + "\n".join(out) + "}\n")
    entries = "".join(f"    {{{name}, {args}, {row}}},\n" for name, args, row in names)
    write(output / "all_queries.h",
          '#include "db/statement.h"\n#include "sql/queries.h"\nnamespace ledgerline::sql {\n'
          f"// Every query with what its file declares, for tests.\ninline const db::DeclaredQuery all_queries[] = {{\n{entries}}};\n}}\n")
    write(output / "migrations.h",
          '#include "db/migrations.h"\nnamespace ledgerline::sql {\n'
          f"inline constexpr db::Migration migrations[] = {{\n{migrations(sorted((source / 'migrations').glob('*.sql')), later)}}};\n"
          f'inline constexpr std::string_view database_roles = R"sql({(source / "database_roles.sql").read_text()})sql";\n}}\n')


if __name__ == "__main__":
    try:
        main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), [pathlib.Path(path) for path in sys.argv[3:]])
    except Wrong as wrong:
        sys.exit(str(wrong))
