#!/bin/bash
set -u
echo "args: $# $1 [$2] $0"
printf '%s-%03d\n' a 7 b 12
for n in {1..3} x; do echo -n "$n "; done; echo
printf 'b\na\nc\na\n' | sort | uniq -c | sed 's/^ *//' | head -2
name=World; echo "Hello, ${name:0:3} ${#name} ${name/o/0} ${none:-default} $((3 ** 2 + 1))"
greet() { local who=${1:-nobody}; echo "hi $who"; return 3; }
greet me; echo "returned $?"
mkdir -p out/deep && echo content > out/deep/file && cat < out/deep/file && ls out/deep
cat <<TEXT | tr a-z A-Z
here $name
TEXT
x=$(echo nested $(echo deep)); echo "$x"
if [[ -f out/deep/file && $name == W* ]]; then echo yes; else echo no; fi
case $name in W*) echo starts with W ;; *) echo other ;; esac
i=0; while ((i < 3)); do ((i++)); [ $i -eq 2 ] && continue; echo "i=$i"; done
false || echo "or"; true && echo "and"; ! false && echo "not"
echo error >&2; { echo grouped; echo err >&2; } 2>/dev/null
list=(a "b c" d); echo "${#list[@]} ${list[1]}"; for item in "${list[@]}"; do echo "<$item>"; done
find out -type f | xargs wc -c | awk '{print $1}' | head -1
grep -c o <<< $'one\ntwo\nthree'; echo a,b,c | cut -d, -f2
(cd out && pwd | sed 's,.*/,,'); export VAR=exported; bash -c 'echo $VAR'
set -e; trap 'echo trapped' EXIT; rm -r out; false; echo never
