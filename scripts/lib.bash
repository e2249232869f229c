# shellcheck shell=bash
# Shared by the scripts that run servers. Sourced, with the repository as the current directory.

name=$(basename "$0")
readonly name

say() { printf '%s: %s\n' "$name" "$*"; }
fail() {
    printf '%s: %s\n' "$name" "$*" >&2
    exit 1
}

# expect WHAT WANTED ACTUAL: of a drill. Fails unless they are the same.
expect() {
    [ "$2" = "$3" ] || fail "$1: $3, not $2"
    say "$1: $3"
}

# Prints the user to run PostgreSQL as, because it refuses to run as root; nothing for the current user.
database_user() {
    if [ "$(id -u)" -eq 0 ]; then id -nu postgres 2>/dev/null || echo nobody; fi
}

# as_database_user COMMAND...
as_database_user() {
    local user
    user=$(database_user)
    if [ -z "$user" ]; then "$@"; else setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups "$@"; fi
}

# place_of NAME: the directory for that server's files: in the checkout, or where the database's user can reach it.
place_of() {
    if as_database_user test -x "$PWD"; then
        echo "$PWD/.$1"
    else
        say "the database runs as user '$(database_user)', which cannot enter $PWD: the data goes to /var/lib/ledgerline-$1" >&2
        echo "/var/lib/ledgerline-$1"
    fi
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
