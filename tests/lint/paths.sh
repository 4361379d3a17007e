#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Rule: nothing in the tree belongs to one machine or one person.
#   machine-path  a home folder, or the place of this checkout: it works on that machine only
#   url           scripts and build files reach nothing but this machine and documentation names
#   package-host  where packages come from is the machine's setting, not ours
#   secret        a key or a token in the tree is a key or a token lost
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# find_text RULE WHY PATTERN: reads file names; the pattern is Perl's.
find_text() {
    xargs -r -d '\n' grep -HnoP -e "$3" -- 2>/dev/null |
        awk -v rule="$1" -v why="$2" '{
            split($0, part, ":"); print rule, part[1], part[2], why }' OFS='\t' || true
}

here=('*.sh' '*.cmake' CMakeLists.txt CMakePresets.json 'Dockerfile*' .ci/run run)

everything() {
    files . -- '*' | grep -vxE 'LICENSE|tests/lint/(paths|selftest)\.sh' || true
}

scripts() {
    files . -- "${here[@]}" | grep -vxE 'tests/lint/(paths|selftest)\.sh' || true
}

{
    everything | find_text machine-path "a path of one machine" \
        '(?<![\w.}$/*-])/(home|root|Users|mnt|media)/\w|(?<![\w.}$-])\Q'"$LINT_ROOT"'\E(?![\w-])'
    scripts | find_text url "only 127.0.0.1, localhost, example names or a variable" \
        '\bhttps?://(?!127\.0\.0\.1|localhost|\[::1\]|[\w.-]*\bexample\b|[$%{<])'
    {
        scripts
        files . -- '*.xml' '*.y*ml' '*.toml' '*.py'
    } | sort -u | find_text package-host "where packages come from is the machine's setting" \
        '(?i)(--(extra-)?index-url|<(repository|pluginRepository)>|sources\.list|add-apt-repository|GOPROXY=|remoteRepositories=|(?<![\w.-])(repo\d*|repository|registry|pypi|deb|archive|proxy)\.[a-z0-9-]+(\.[a-z0-9-]+)*\.?(org|com|net|io)\b)'
    everything | find_text secret "looks like a key or a token" \
        '-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}|\bxox[abprs]-[0-9A-Za-z-]{10}|\bATATT3[A-Za-z0-9_=-]{20}|\bAIza[0-9A-Za-z_-]{35}'
} | judge machine-path url package-host secret
