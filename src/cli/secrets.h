// Keeps secrets out of the process table and out of messages.
//
// One policy for all of them: a secret comes from a file, from the environment or, for PostgreSQL, from a password
// file; a flag that a secret would fit into refuses it and names those. The one exception is the database's URL, which
// libpq's users write with its password in it. Whatever looks like a secret in any argument is overwritten before
// anything else is done, because every user of the machine can read arguments.
//
// What looks like one, rather too much than too little: what stands between the scheme, or the user, and the last @;
// what follows a name=value or name: value whose name speaks of a password, a secret, a token or a key, percent-encoded
// or not (to the end of the argument: quotes need not be understood); and the argument after a flag of such a name.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ledgerline::cli {

// Overwrites the secrets of the arguments in place. What is needed of them must have been copied before.
void hide_secrets(std::span<char*> arguments);

// The text with its secrets overwritten, for a message that repeats it.
std::string without_secrets(std::string text);

// Which rule of its form a database URL breaks that libpq would take otherwise than it is meant, "" when none: in
// postgresql://user:p@ss@host/db libpq takes "ss@host" for the host, and tells it to everybody.
std::string broken_database_url_rule(std::string_view url);

}  // namespace ledgerline::cli
