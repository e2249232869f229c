# shellcheck shell=bash
# What the scripts that run servers share. Sourced, with the repository as the current directory.

name=$(basename "$0")
readonly name

say() { printf '%s: %s\n' "$name" "$*"; }
fail() {
    printf '%s: %s\n' "$name" "$*" >&2
    exit 1
}

# The user that PostgreSQL runs as; nothing when that is ourselves. It refuses to run as root.
database_user() {
    if [ "$(id -u)" -eq 0 ]; then id -nu postgres 2>/dev/null || echo nobody; fi
}

# as_database_user COMMAND...
as_database_user() {
    local user
    user=$(database_user)
    if [ -z "$user" ]; then "$@"; else setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups "$@"; fi
}

# The directory for the files of a server called so: in the checkout, or where the database's user can get to.
place_of() {
    if as_database_user test -x "$PWD"; then
        echo "$PWD/.$1"
    else
        say "the database runs as user '$(database_user)', who cannot enter $PWD: the data goes to /var/lib/ledgerline-$1" >&2
        echo "/var/lib/ledgerline-$1"
    fi
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
