# shellcheck shell=bash
# Functions shared by the scripts of tests/env. Sourced, never run.

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

note() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# Prints the absolute path of the cache folder, creating it.
cache_dir() {
    local dir=${SCORED_TEST_CACHE:-${HOME:?is not set}/.cache/scored-test}
    mkdir -p -- "$dir"
    (cd -- "$dir" && pwd -P)
}

# Prints the absolute path of DIR, creating it.
instance_dir() {
    mkdir -p -- "$1"
    (cd -- "$1" && pwd -P)
}

# check_port PORT: dies unless it is a TCP port number.
check_port() {
    if ! [[ $1 =~ ^[1-9][0-9]{0,4}$ ]] || (($1 > 65535)); then
        die "not a port: $1"
    fi
}

port_answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Prints a port nobody listens on. Taken from below the kernel's range for
# outgoing connections, so that no client socket sits on it. Another process
# can still take it before the server binds it: callers try again then.
free_port() {
    local port try
    for ((try = 0; try < 100; try++)); do
        port=$((20000 + SRANDOM % 12000))
        if ! port_answers "$port"; then
            printf '%s\n' "$port"
            return
        fi
    done
    die 'found no free port'
}

# java_major JAVA: prints its major version; reads the release file beside it
# when there is one, which is a hundred times faster than starting it.
java_major() {
    local home version=
    home=$(readlink -f -- "$1") || return 1
    home=${home%/bin/java}
    if [[ -r $home/release ]]; then
        version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release")
    fi
    if [[ -z $version ]]; then
        version=$("$1" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
    fi
    [[ -n $version ]] && printf '%s\n' "$version"
}

# Prints the path of a Java 17 or newer, or fails.
find_java() {
    local java major
    for java in "${JAVA_HOME:-/nonexistent}/bin/java" "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
        [[ -n $java && -x $java ]] || continue
        major=$(java_major "$java") || continue
        if ((major >= 17)); then
            printf '%s\n' "$java"
            return
        fi
    done
    return 1
}

# running_pid DIR COMM: prints the pid of the server started in DIR, or fails.
# A pid file can outlive its process and the number be given to another one,
# so the process must be called COMM and have DIR as its working directory.
running_pid() {
    local pid comm
    { read -r pid <"$1/pid"; } 2>/dev/null || return 1
    [[ $pid =~ ^[1-9][0-9]*$ ]] || return 1
    { read -r comm <"/proc/$pid/comm"; } 2>/dev/null || return 1
    [[ $comm == "$2" && /proc/$pid/cwd -ef $1 ]] || return 1
    printf '%s\n' "$pid"
}

# has_ended PID: no thread of it is left. A killed process is a zombie with no
# working directory as soon as its first thread has ended, but the others may
# still hold its port; and a zombie may stay if nobody waits for it.
has_ended() {
    local status
    status=$(sed -nE 's/^(State|Threads):[[:space:]]+([^ ]+).*/\2/p' "/proc/$1/status" 2>/dev/null) || return 0
    [[ -z $status || $status == Z$'\n'1 ]]
}

# stop_server DIR COMM SECONDS: SIGTERM, then SIGKILL after SECONDS.
# SECONDS 0 means SIGKILL at once. No error when nothing runs.
stop_server() {
    local dir=$1 comm=$2 seconds=$3 pid deadline
    if pid=$(running_pid "$dir" "$comm"); then
        if ((seconds > 0)); then
            kill -TERM "$pid" 2>/dev/null || true
            deadline=$((SECONDS + seconds))
            while ((SECONDS < deadline)) && ! has_ended "$pid"; do
                sleep 0.05
            done
        fi
        if ! has_ended "$pid"; then
            ((seconds == 0)) || note "pid $pid is still there after $seconds s, killing it"
            kill -KILL "$pid" 2>/dev/null || true
            deadline=$((SECONDS + 10))
            while ! has_ended "$pid"; do
                ((SECONDS < deadline)) || die "pid $pid does not end"
                sleep 0.05
            done
        fi
    fi
    rm -f -- "$dir/pid"
}

# log_since FILE OFFSET: what was written to FILE after byte OFFSET.
log_since() {
    tail -c "+$(($2 + 1))" -- "$1"
}
