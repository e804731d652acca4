# shellcheck shell=bash
# Roots of Debian for the scripts here. Sourced, never run.

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source=$(cd -- "$here/../.." && pwd -P)
roots=${SCORED_TEST_ROOTS:-$source/.cache/roots}
mirror=${SCORED_TEST_MIRROR:-http://deb.debian.org/debian}

note() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
    note "$@"
    exit 1
}

# quietly LOG COMMAND...: its output goes to the file, and is shown if it fails.
quietly() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 </dev/null || {
        tail -n 60 -- "$log" >&2
        die "failed: $*"
    }
}

# What was made halfway by a run that was killed.
sweep_roots() {
    mkdir -p -- "$roots/archives/partial"
    rm -rf -- "$roots"/*.new "$roots"/*.work.*
}

# Debian with systemd and nothing else; prints its folder.
base_root() {
    local suite=$1 dir=$roots/$1
    if [[ ! -d $dir ]]; then
        note "making a root of Debian $suite"
        quietly "$roots/$suite.log" debootstrap --variant=minbase --cache-dir="$roots/archives" \
            --include=systemd,systemd-sysv,dbus,procps,ca-certificates "$suite" "$dir.new" "$mirror"
        mv -- "$dir.new" "$dir"
    fi
    printf '%s\n' "$dir"
}

# layer NAME STAMP LOWER SCRIPT [ARGUMENT...]: what the shell script adds to the layers below, made anew where STAMP is another;
# prints it with those below.
layer() {
    local name=$1 stamp dir=$roots/$1 lower=$3
    stamp=$(printf '%s\n' "$2" "$4" | sha256sum | cut -c1-16)
    if [[ $(cat -- "$dir.stamp" 2>/dev/null) != "$stamp" ]]; then
        note "making the layer $name"
        rm -rf -- "$dir" "$dir.stamp"
        mkdir -- "$dir.new"
        quietly "$roots/$name.log" "$here/enter" --upper "$dir.new" --bind "$roots/archives:/var/cache/apt/archives" \
            --bind "$source:/source" "$lower" sh -ec "$4" "$name" "${@:5}"
        mv -- "$dir.new" "$dir"
        printf '%s\n' "$stamp" >"$dir.stamp"
    fi
    printf '%s:%s\n' "$dir" "$lower"
}

# For a layer's script; the arguments are packages.
# shellcheck disable=SC2034
install_packages='export DEBIAN_FRONTEND=noninteractive
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe-io # a layer that was made halfway is thrown away
apt-get -qq update
apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends "$@"'
