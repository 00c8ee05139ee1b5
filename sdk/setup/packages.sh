# shellcheck shell=bash
# Debian packages, installed only when a command of theirs is missing. Sourced by setup.sh.

# command:package, several packages separated by spaces
BUILD_PACKAGES=(
    "cc:gcc libc6-dev"
    clang-19:clang-19
    wasm-ld-19:lld-19
    node:nodejs
    npm:npm
    pcap-config:libpcap-dev
)
# The independent dissector that whole-system tests compare with, the real broker that live
# inputs are tried on, a real client of what listens and what makes its certificates, a real registry with another program that reads it, a PKCS#11 token with
# another program that uses it, what shows another time to a program and what ends one before a
# system call, what replays captures on a
# pair of interfaces and makes that pair, and the compiler of the
# fuzzing engine. What recording captures
# needs is installed by its own script.
TEST_PACKAGES=(
    c++:g++
    tshark:tshark
    mosquitto:mosquitto
    mosquitto_pub:mosquitto-clients
    curl:curl
    openssl:openssl
    docker-registry:docker-registry
    skopeo:skopeo
    softhsm2-util:softhsm2
    pkcs11-tool:opensc
    faketime:faketime
    strace:strace
    tcpreplay:tcpreplay
    ip:iproute2
)

# Runs a command as root.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

# Brings the package lists up to date, once a run.
update_packages() {
    if [ -z "${packages_updated:-}" ]; then
        as_root apt-get update -qq
        packages_updated=1
    fi
}

# install_packages COMMAND:PACKAGE...
install_packages() {
    local pair missing=()
    for pair in "$@"; do
        # Servers live in sbin, which need not be in the PATH of a user.
        if ! PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null; then
            # shellcheck disable=SC2206 # several packages
            missing+=(${pair#*:})
        fi
    done
    if [ ${#missing[@]} = 0 ]; then
        return
    fi
    if ! command -v apt-get >/dev/null; then
        fail "missing: ${missing[*]} (Debian's names); install them and run again"
    fi
    say "installing Debian packages: ${missing[*]}"
    if ! { update_packages && apt_install "${missing[@]}"; }; then
        fail "cannot install them; run as root: apt-get install ${missing[*]}"
    fi
}

# apt_install PACKAGE...
apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >/dev/null
}
