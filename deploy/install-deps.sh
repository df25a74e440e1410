#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that bitrepo is built, tested and checked with; safe to repeat.
set -eu

packages='
    g++ clang-14 libclang-rt-14-dev clang-format clang-tidy lld
    cmake ninja-build ccache pkg-config python3 git
    libzmq3-dev cppzmq-dev libprotobuf-dev protobuf-compiler libabsl-dev
    libsqlite3-dev libssl-dev libxxhash-dev
    libtomlplusplus-dev libcli11-dev nlohmann-json3-dev
    libgtest-dev libgmock-dev libbenchmark-dev
    python3-zmq python3-protobuf python3-xxhash
'
# What bench/ measures against, and sqlite3 and openssl for tests.
packages="$packages nginx curl rsync sqlite3 openssl"

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "install-deps: this is not a Debian system; install the equivalents of:" $packages >&2
    exit 1
fi

missing=
for package in $packages; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo "install-deps: nothing to do, every package is installed"
    exit 0
fi

if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root='sudo -n'
else
    echo "install-deps: neither root nor able to use sudo without a password; run as root:" >&2
    echo "    apt-get install$missing" >&2
    exit 1
fi

echo "install-deps: installing$missing"
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing

# The benchmarks start an nginx of their own on a free port; the service that comes with the package
# is not wanted.
case " $missing " in
    *" nginx "*)
        $as_root update-rc.d nginx disable
        $as_root service nginx stop
        ;;
esac
