# shellcheck shell=bash
# A Rust compiler with a standard library for wasm32-unknown-unknown. Sourced by setup.sh.
#
# setup_rust sets RUST_FROM, RUST_VERSION, RUST_CARGO and RUST_ENV (NAME=VALUE each).

RUST_TARGET=wasm32-unknown-unknown
# The rust-version of the guest crates.
RUST_MINIMUM=1.95

setup_rust() {
    case ${PALISADE_WASM_TOOLCHAIN:-} in
    '')
        # What is there already comes first, so that a second run downloads nothing.
        rust_of_rustup || has_sysroot || add_rustup_target || true
        rust_of_rustup || rust_of_debian
        ;;
    rustup)
        rust_of_rustup || { add_rustup_target && rust_of_rustup; } ||
            fail "rustup has no $RUST_TARGET for its default toolchain and cannot download it; unset PALISADE_WASM_TOOLCHAIN"
        ;;
    debian)
        rust_of_debian
        ;;
    *)
        fail "PALISADE_WASM_TOOLCHAIN is '$PALISADE_WASM_TOOLCHAIN'; it can be rustup or debian"
        ;;
    esac
    say "wasm32 from $RUST_FROM ($RUST_VERSION)"
}

# The default toolchain, if it has the target.
rust_of_rustup() {
    local rustc
    if command -v rustup >/dev/null; then
        rustc=$(rustup which rustc) && RUST_CARGO=$(rustup which cargo) || return 1
    else
        rustc=$(command -v rustc) && RUST_CARGO=$(command -v cargo) || return 1
    fi
    has_std "$rustc" || return 1
    RUST_FROM=rustup
    RUST_VERSION=$("$rustc" --version)
    RUST_ENV=("RUSTC=$rustc")
}

# Lets rustup download the target, where it can.
add_rustup_target() {
    command -v rustup >/dev/null || return 1
    say "rustup target add $RUST_TARGET"
    # A network that swallows packets must not hold up the way that works.
    RUST_BACKTRACE=0 timeout 120 rustup target add "$RUST_TARGET" ||
        { say "rustup cannot download it" && return 1; }
}

# has_std RUSTC: whether it comes with a standard library for the target.
has_std() {
    local libs
    libs=$("$1" --print target-libdir --target "$RUST_TARGET" 2>/dev/null) || return 1
    compgen -G "$libs/libcore-*.rlib" >/dev/null && compgen -G "$libs/libstd-*.rlib" >/dev/null
}

# Whether the standard library was built for the compiler that Debian's package has now.
has_sysroot() {
    [ -x /usr/bin/rustc ] &&
        [ "$(cat "$target/wasm-sysroot/version" 2>/dev/null)" = "$(/usr/bin/rustc --version)" ]
}

# Debian's compiler, with a standard library built here from Debian's sources of it.
rust_of_debian() {
    local rustc=/usr/bin/rustc sysroot=$target/wasm-sysroot
    RUST_CARGO=/usr/bin/cargo
    if ! dpkg-query -W -f '${Status}\n' rustc-web cargo-web rust-web-src 2>/dev/null |
        awk '/^install ok installed$/ { n++ } END { exit n != 3 }'; then
        say "installing Debian packages: rustc-web cargo-web rust-web-src"
        if ! { update_packages && apt_install rustc-web cargo-web rust-web-src; }; then
            fail "cannot install them; run as root: apt-get install rustc-web cargo-web rust-web-src"
        fi
    fi
    RUST_FROM=debian
    RUST_VERSION=$("$rustc" --version)
    if ! printf 'rustc %s\n%s\n' "$RUST_MINIMUM" "$RUST_VERSION" | sort -V -C; then
        fail "$RUST_VERSION is too old, $RUST_MINIMUM is needed; add Debian's security archive to the package sources, which has a newer rustc-web"
    fi
    if ! has_sysroot; then
        say "building the standard library for $RUST_TARGET, once (about two minutes)"
        build_sysroot "$rustc" "$sysroot"
    fi
    RUST_ENV=(
        "RUSTC=$rustc"
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$(command -v wasm-ld-19)"
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS=--sysroot=$sysroot"
    )
}

# build_sysroot RUSTC SYSROOT: builds std with an empty crate and keeps its libraries.
build_sysroot() {
    local work=$target/wasm-sysroot.build libs=$2/lib/rustlib/$RUST_TARGET/lib
    rm -rf "$work" "$2"
    mkdir -p "$work/src" "$libs"
    cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "empty"
version = "0.0.0"
edition = "2024"

[lib]
crate-type = ["lib"]

[workspace]
TOML
    : >"$work/src/lib.rs"
    # Building std is a nightly feature; Debian's sources belong to Debian's compiler, so it
    # is safe here. Without bitcode in the libraries `lto = true` would fail later.
    (
        cd "$work"
        unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS RUSTC_WRAPPER RUSTUP_TOOLCHAIN
        RUSTC=$1 RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$work/target \
            CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$(command -v wasm-ld-19) \
            CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS=-Cembed-bitcode=yes \
            "$RUST_CARGO" build --quiet --release --target "$RUST_TARGET" \
            -Zbuild-std=std,panic_abort
    ) || fail "the standard library does not build; see above, and make sure that the packages rustc-web and rust-web-src have one version"
    find "$work/target/$RUST_TARGET/release/deps" -name '*.rlib' ! -name 'libempty-*' \
        -exec cp {} "$libs" \;
    rm -rf "$work"
    # Last, since it says that all else is complete.
    printf '%s\n' "$RUST_VERSION" >"$2/version"
}
