#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Rule: every rule can fail. A small clean tree must pass all scripts; then each case adds one
# violation to it and the script that owns the rule must name the file, the line and the rule.
# shellcheck disable=SC2016,SC2026 # the cases are texts, not commands
set -euo pipefail

lint=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failures=0
cases=0

licence='/* SPDX-License-Identifier: Apache-2.0 */'

# put FILE: standard input to a file of the tree.
put() {
    mkdir -p "$(dirname "$tmp/tree/$1")"
    cat >"$tmp/tree/$1"
}

# c FILE LINE…: a C file that is clean but for these lines, and listed for the build.
c() {
    local file=$1
    shift
    printf '%s\n' "$licence" "$@" | put "$file"
    [[ $file != *.c ]] || echo "$file" >>"$tmp/tree/${file%%/*}/CMakeLists.txt"
}

clean() {
    rm -rf "$tmp/tree"
    cp -r "$tmp/clean" "$tmp/tree"
}

# finds SCRIPT EXPECTED: the tree as it is now breaks the rule.
finds() {
    local output
    cases=$((cases + 1))
    if output=$(LINT_ROOT=$tmp/tree "$lint/$1.sh" 2>&1); then
        echo "$1.sh did not find: $2"
        failures=$((failures + 1))
    elif ! grep -qF -e "$2" <<<"$output"; then
        printf '%s\n' "$1.sh said something else than: $2" "$output"
        failures=$((failures + 1))
    fi
    clean
}

passes() {
    local output
    cases=$((cases + 1))
    if ! output=$(LINT_ROOT=$tmp/tree "$lint/$1.sh" 2>&1); then
        printf '%s\n' "$1.sh found something in a clean tree" "$output"
        failures=$((failures + 1))
    fi
}

lines() {
    local i
    for ((i = 0; i < $1; i++)); do
        echo "$2"
    done
}

# ---- a clean tree, with what looks like a violation and is none --------------------------------

mkdir -p "$tmp/tree"/{common,producer,consumer/{engine,workers,apis},console,tests}
for folder in common producer consumer tests; do
    : >"$tmp/tree/$folder/CMakeLists.txt"
done
cp "$lint/../../.clang-format" "$tmp/tree/"
printf '%s\n' "$licence" '#ifndef HEARBACK_COMMON_A_H' '#define HEARBACK_COMMON_A_H' '#endif' |
    put common/a.h
c common/mem.c '#include <stdlib.h>' '' 'void mem_free(void *block)' '{' '    free(block);' '}'
c common/a.c '#include "common/a.h"' '' '/* strcpy( is not called, nor is "sprintf(" here */' \
    'const char *said = "system(rm)"; // sleep(1)' '' 'void a(struct a *a)' '{' \
    '    a->free(a);' '    mem_free(a);' '    span_free (a);' '}'
c consumer/main.c '#include <stdlib.h>' '' 'int main(void)' '{' '    exit(2);' '}'
c consumer/workers/w.c '#include "common/a.h"' '#include "consumer/apis/jira.h"' \
    '#include "consumer/worker.h"'
c tests/t.c '#include "consumer/engine/loop.h"' '#include "producer/server.h"' '' \
    'int six(int a, int b, int c, int d, int e, int (*f)(int, int))' '{' "$(lines 60 '    a++;')" '}'
printf '%s\n' '#!/usr/bin/env bash' 'set -euo pipefail' 'curl http://127.0.0.1:80/home/x' \
    'curl https://api.example/' | put deploy/good.sh
chmod +x "$tmp/tree/deploy/good.sh"
clang-format -i --style=file "$tmp"/tree/*/*.[ch] "$tmp"/tree/*/*/*.[ch]
cp -r "$tmp/tree" "$tmp/clean"
for script in banned length layout headers sources paths format shell; do
    passes "$script"
done

# ---- one violation each ------------------------------------------------------------------------

while read -r rule calls; do
    for call in $calls; do
        c common/b.c '' 'void b(void)' '{' "    x = $call(1);" '}'
        finds banned "common/b.c:5: $rule:"
    done
done <<'END'
strings strcpy strcat sprintf vsprintf strncpy strncat gets
numbers atoi atol atof
parse strtok
time asctime ctime localtime gmtime
stack alloca
wait sleep usleep nanosleep
process system popen
random rand random
alloc malloc calloc realloc free
memcmp memcmp
assert assert
exit exit
abort abort _exit
END
c common/b.c 'void *x = SCOPED_BY(thing, free);'
finds banned 'common/b.c:2: alloc:'
c tests/b.c '    sleep(1);'
finds banned 'tests/b.c:2: wait:'
for word in TO''DO FIX''ME X''XX; do
    c common/b.c "/* $word: later */"
    finds banned 'common/b.c:2: todo:'
    echo "# $word later" | put deploy/b.sh
    finds banned 'deploy/b.sh:1: todo:'
done

echo 'memcmp common/a.c 1 nobody needs this any more' | put tests/lint/allow.txt
finds banned 'tests/lint/allow.txt:1: permits 1 memcmp in common/a.c, found 0'
echo 'memcmp common/b.c 1 one is right' | put tests/lint/allow.txt
c common/b.c 'int x = memcmp(a, b, 1);' 'int y = memcmp(a, b, 1);'
finds banned 'tests/lint/allow.txt:1: permits 1, found 2'
echo 'memcmp common/b.c 1 one is right' | put tests/lint/allow.txt
c common/b.c 'int x = memcmp(a, b, 1);'
passes banned
clean
echo 'memcmp common/b.c 1' | put tests/lint/allow.txt
finds banned 'tests/lint/allow.txt:1: not `rule file count reason`'
echo 'mercy common/b.c 1 please' | put tests/lint/allow.txt
finds banned 'tests/lint/allow.txt:1: not `rule file count reason`'

for file in common/b.c common/b.h deploy/b.sh tests/b.py consumer/scripts/b.lua; do
    lines 501 '' | put "$file"
    finds length "$file:501: file-length:"
done
c common/b.c 'static int' 'b(int a)' '{' "$(lines 61 '    a++; /* } */')" '}'
finds length 'common/b.c:4: function-length: b: 61 lines'
c common/b.c 'int b(int a, int b, int c,' '      int d, int e, int f, int (*g)(int, int))' '{' '}'
finds length 'common/b.c:4: parameters: b: 7 parameters'

while read -r from to; do
    c "$from" "#include \"$to\""
    finds layout "$from:2: include: \"$to\""
done <<'END'
producer/b.c consumer/worker.h
producer/sources/b.c consumer/apis/jira.h
consumer/b.c producer/source.h
consumer/apis/b.c producer/source.h
common/b.h producer/source.h
common/b.c consumer/worker.h
common/b.c console/verb.h
consumer/workers/b.c consumer/engine/loop.h
consumer/workers/b.c consumer/workers.h
consumer/workers/b.c console/verb.h
consumer/apis/b.c consumer/workers/w.h
consumer/apis/b.c consumer/workers.h
consumer/apis/b.c consumer/engine/loop.h
common/b.c a.h
console/b.c common/../consumer/worker.h
END
for vendor in jira Amplitude MIXPANEL intercom Koji nps_today; do
    c consumer/engine/b.c "/* as $vendor wants it */"
    finds layout 'consumer/engine/b.c:2: vendor:'
done

echo 'int b;' | put common/b.c
finds headers 'common/b.c:1: spdx:'
c common/b.h '#ifndef B_H' '#define B_H' '#endif'
finds headers 'common/b.h:1: guard: its guard is HEARBACK_COMMON_B_H'
c consumer/engine/b_c.h '#pragma once'
finds headers 'its guard is HEARBACK_CONSUMER_ENGINE_B_C_H'

echo "$licence" | put consumer/engine/forgotten.c
finds sources 'consumer/engine/forgotten.c:1: source:'
echo "$licence" | put common/forgotten.c
echo '# forgotten.c' >>"$tmp/tree/common/CMakeLists.txt"
finds sources 'common/forgotten.c:1: source:'

echo 'see /home/me/notes' | put docs/b.md
finds paths 'docs/b.md:1: machine-path:'
echo "cd $tmp/tree/common" | put deploy/b.sh
finds paths 'deploy/b.sh:1: machine-path:'
echo 'curl https://somewhere.net/x' | put deploy/b.sh
finds paths 'deploy/b.sh:1: url:'
echo 'FetchContent_Declare(x URL https://somewhere.net/x)' | put common/b.cmake
finds paths 'common/b.cmake:1: url:'
echo 'ADD http://somewhere.net/x /' | put deploy/Dockerfile
finds paths 'deploy/Dockerfile:1: url:'
echo 'pip install --index-url $there x' | put deploy/b.sh
finds paths 'deploy/b.sh:1: package-host:'
echo '<repository><id>x</id></repository>' | put deploy/pom.xml
finds paths 'deploy/pom.xml:1: package-host:'
echo 'image: registry.somewhere.io/x' | put deploy/compose.yaml
finds paths 'deploy/compose.yaml:1: package-host:'
echo '-----BEGIN RSA PRIVATE KEY-----' | put tests/key.pem
finds paths 'tests/key.pem:1: secret:'
echo "token: xoxb-0123456789-abc" | put deploy/b.yaml
finds paths 'deploy/b.yaml:1: secret:'

c common/b.c 'int  b;'
finds format 'common/b.c:2: format:'

printf '%s\n' '#!/usr/bin/env bash' 'set -euo pipefail' 'rm $1' | put deploy/b.sh
finds shell 'deploy/b.sh:3: shell:'
printf '%s\n' '#!/usr/bin/env bash' 'echo' | put deploy/b.sh
chmod +x "$tmp/tree/deploy/b.sh"
finds shell 'deploy/b.sh:1: shell: set -euo pipefail'

echo "$cases cases, $failures wrong"
[[ $failures == 0 ]]
