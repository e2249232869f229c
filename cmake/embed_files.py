#!/usr/bin/env python3
"""Embeds the files of the console: embed_files.py OUTPUT.cpp FILE...

Writes a C++ source that defines console::assets() (src/console/assets.h). The compiler reads the files itself. Their
hashes stand in the source, as ETags, so that it changes with them and a compiler cache notices.
"""
import hashlib
import pathlib
import sys

CONTENT_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
                 ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


def main(output, paths):
    arrays, entries = "", ""
    for number, path in enumerate(paths):
        etag = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
        arrays += f'constexpr unsigned char file_{number}[] = {{\n#embed "{path}"\n}};  // {etag}\n'
        entries += f'    {{"{path.name}", "{CONTENT_TYPES[path.suffix]}", R"("{etag}")", text_of(file_{number})}},\n'
    output.write_text(f"""// Generated from the files of the console. Do not edit.
#include "console/assets.h"
#pragma clang diagnostic ignored "-Wc23-extensions"
namespace ledgerline::console {{
namespace {{
{arrays}
template <std::size_t size>
std::string_view text_of(const unsigned char (&bytes)[size]) {{
    return {{reinterpret_cast<const char*>(bytes), size}};
}}
}}  // namespace
std::span<const Asset> assets() {{
    static const Asset files[] = {{
{entries}    }};
    return files;
}}
}}  // namespace ledgerline::console
""")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), [pathlib.Path(path) for path in sys.argv[2:]])
