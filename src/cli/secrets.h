// Keeps secrets out of the process table and out of messages.
//
// One policy for all of them: a secret comes from a file, from the environment or, for PostgreSQL, from a password
// file; a flag that could hold a secret refuses it and names those sources. The one exception is the database URL,
// which libpq users write with its password. Whatever looks like a secret in any argument is overwritten before
// anything else is done, because every user of the machine can read arguments.
//
// The test for secrets errs on the side of hiding too much: everything between the scheme, or the user, and the last @;
// everything after a name=value or name: value whose name mentions a password, secret, token or key, percent-encoded or
// not (to the end of the argument, so that quotes need no parsing); and the argument after a flag with such a name.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ledgerline::cli {

// Overwrites the secrets in the arguments in place. Copy what is still needed first.
void hide_secrets(std::span<char*> arguments);

// The text with its secrets overwritten, for use in messages.
std::string without_secrets(std::string text);

// The syntax rule that a database URL breaks although libpq would accept it with another meaning; "" when none: in
// postgresql://user:p@ss@host/db libpq takes "ss@host" as the host, and shows it in its messages.
std::string broken_database_url_rule(std::string_view url);

}  // namespace ledgerline::cli
