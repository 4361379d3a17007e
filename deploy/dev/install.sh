# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# install_packages LIST…: installs what is missing of deploy/packages.txt, and says so first.
# Sourced by tests/run.sh and deploy/demo.sh. When nothing is missing it does nothing, so neither
# root nor a network is needed. It never starts or stops a system service.

PACKAGES_FILE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/packages.txt

# packages_of LIST…: their names, in the order of the file.
packages_of() {
    awk -v lists=" $* " '!/^#/ && NF == 2 && index(lists, " " $1 " ") { print $2 }' "$PACKAGES_FILE"
}

packages_missing() {
    local package
    packages_of "$@" | while read -r package; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            echo "$package"
    done
}

install_packages() {
    local missing as_root=()
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "not a Debian: these are taken to be there: $(packages_of "$@" | paste -sd ' ')" >&2
        return 0
    fi
    mapfile -t missing < <(packages_missing "$@")
    ((${#missing[@]} > 0)) || return 0
    if [[ $(id -u) != 0 ]]; then
        as_root=(sudo)
        if ! command -v sudo >/dev/null; then
            echo "missing packages; as root, run: apt-get install ${missing[*]}" >&2
            return 1
        fi
    fi
    echo "installing: ${missing[*]}" >&2
    local log
    log=$(mktemp)
    if ! {
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 \
                install -y --no-install-recommends "${missing[@]}"
    } >"$log" 2>&1 </dev/null; then
        tail -n 40 "$log" >&2
        echo "the packages could not be installed; the whole of it: $log" >&2
        return 1
    fi
    rm -f "$log"
}
