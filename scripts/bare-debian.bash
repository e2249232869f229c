# shellcheck shell=bash
# A bare Debian 12 to try things in, kept outside the checkout. Sourced after lib.bash, as root.
readonly bare_dir=/var/cache/ledgerline-test-package
readonly bare_tar=$bare_dir/base.tar

make_bare_debian() {
    [ ! -e "$bare_tar" ] || return 0
    say "making a bare Debian 12, once"
    mkdir -p "$bare_dir/new"
    debootstrap --variant=minbase bookworm "$bare_dir/new" >"$bare_dir/debootstrap.log" 2>&1 || fail "see $bare_dir/debootstrap.log"
    rm -f "$bare_dir/new/etc/apt/sources.list"
    cp /etc/apt/sources.list.d/*.sources "$bare_dir/new/etc/apt/sources.list.d/" 2>/dev/null || true
    if [ -e /etc/apt/sources.list ]; then cp /etc/apt/sources.list "$bare_dir/new/etc/apt/"; fi
    cp /etc/apt/apt.conf.d/*proxy* "$bare_dir/new/etc/apt/apt.conf.d/" 2>/dev/null || true
    # No service of any package is started.
    printf '#!/bin/sh\nexit 101\n' >"$bare_dir/new/usr/sbin/policy-rc.d"
    chmod 755 "$bare_dir/new/usr/sbin/policy-rc.d"
    mkdir -p "$bare_dir/new/etc/postgresql-common/createcluster.d"
    echo 'create_main_cluster = false' >"$bare_dir/new/etc/postgresql-common/createcluster.d/none.conf"
    chroot "$bare_dir/new" apt-get -qq update
    tar -C "$bare_dir/new" -cf "$bare_tar.new" .
    rm -rf "$bare_dir/new"
    mv "$bare_tar.new" "$bare_tar"
}
