import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { run } from "./machine.ts";

// What a Worker has for its messages; nothing is sent here.
vi.hoisted(() => vi.stubGlobal("postMessage", () => undefined));

/** Scripts whose output, complaints and exit code are those of the machine's own bash. */
const SCRIPTS: Readonly<Record<string, string>> = {
  "words and quotes": `a='x y'; echo $a "$a" '$a' a"b"'c' \\$a; set -- 1 "2 3"; echo $# "$@"; for i in "$@"; do echo "<$i>"; done; echo "$*"`,
  "field splitting": `IFS=:; x=a:b::c; for i in $x; do echo "[$i]"; done; IFS=', '; y="1, 2,3 ,4"; printf '<%s>' $y; echo`,
  "parameter operations": `f=/usr/lib/a.tar.gz; echo \${f##*/} \${f%.*} \${f%%.*} \${f#*/} \${f/a/b} \${f//a/b} \${f/#\\/usr/X} \${f/%gz/Z} \${#f} \${f:5:3} \${f: -2} \${x:-d} \${x:=e} $x \${x:+y} \${x^^} \${f^}`,
  "unset and nounset": `echo "\${u-none}"; set -u; echo "$u"; echo after`,
  "error if unset": `echo \${v:?must be set}; echo after`,
  arithmetic: `i=5; echo $((i++ + ++i)) $i $((2**10)) $((7/2)) $((-7%3)) $((1<<4|3)) $((i>3?10:20)) $((0x1f)) $((010)); ((i=3)) && echo $i; let j=i*2; echo $j; a=(1 2 3); echo $((a[1]+a[2]))`,
  "division by zero": `echo $((1/0)); echo after $?`,
  arrays: `a=(one "two three" four); a+=(five); a[7]=x; echo \${#a[@]} "\${a[1]}" "\${!a[@]}" "\${a[@]:1:2}"; unset 'a[0]'; echo "\${a[@]}"; for x in "\${a[@]}"; do echo "<$x>"; done`,
  "associative arrays": `declare -A m=([k]=v [j]="w z"); m[x]=1; echo "\${m[j]}" \${#m[@]}; for k in k j x; do echo "$k=\${m[$k]}"; done; [[ -v m[k] ]] && echo set`,
  "braces and globs": `touch a1 a2 b1 .h; echo a* ?1 [ab]1 *x {x,y}{1..3} {a..c} {01..03} .h*; shopt -s nullglob; echo n*; shopt -s dotglob; echo *h`,
  "extended globs": `shopt -s extglob\nfor w in foo bar foobar; do case $w in +(foo|bar)) echo "$w yes";; *) echo no;; esac; done; x=aaab; echo \${x##+(a)}`,
  "if, case and loops": `for i in 1 2 3 4; do if ((i==2)); then continue; elif [ $i -eq 4 ]; then break; fi; echo $i; done; i=0; while :; do i=$((i+1)); [ $i -ge 3 ] && break; done; echo $i; until false; do break; done; for ((k=0;k<3;k++)); do echo -n $k; done; echo`,
  "case falls through": `case x in x) echo 1;& y) echo 2;;& z) echo 3;; x*) echo 4;; esac`,
  functions: `f() { local a=1; b=2; echo "$1 $#"; return 3; }; a=0; f x y; echo $? $a $b; g() { f "$@" | cat; }; g q; fact() { if [ $1 -le 1 ]; then echo 1; else echo $(( $1 * $(fact $(($1-1))) )); fi; }; fact 6`,
  "pipes and status": `false | true; echo $? "\${PIPESTATUS[@]}"; set -o pipefail; false | true; echo $?; ! false; echo $?; echo abc | tr a-c A-C | rev`,
  errexit: `set -e; false || echo one; if false; then :; fi; ! true; echo two; (exit 3); echo never`,
  "errexit in a function": `set -e; f() { false; echo no; }; f && echo yes; f; echo never`,
  "here-documents": `x=1; cat <<E\na $x $(echo b) \\$x\nE\ncat <<'E'\na $x\nE\ncat <<-E\n\ttab\n\tE\ncat <<<"here $x"`,
  redirections: `echo out > f; echo err >&2 2> e; { echo a; echo b >&2; } > f 2>&1; cat f; echo c >> f; wc -l < f; exec 3> g; echo three >&3; exec 3>&-; cat g; cat < nofile; echo $?; ls nofile 2>/dev/null || echo failed`,
  "read loops": `printf 'a b c\\nd e\\n' | while read -r x y; do echo "[$x][$y]"; done; printf 'l1\\nl2' > f; while IFS= read -r line || [ -n "$line" ]; do echo "<$line>"; done < f; IFS=: read -ra p <<< "1:2:3"; echo \${p[2]}`,
  "command substitution": `x=$(printf 'a\\n\\nb\\n\\n'); echo "$x|"; y=\`echo z\`; echo $y; echo $(echo 1; exit 5) $?; z=$(exit 7); echo $?`,
  subshells: `a=1; (a=2; cd /; echo $a $PWD); echo $a; { a=3; }; echo $a; (exit 4) ; echo $?`,
  "background and wait": `(sleep 0.05; echo bg; exit 3) & p=$!; echo fg; wait $p; echo $?; for i in 1 2 3; do (exit $i) & done; wait; echo done`,
  traps: `trap 'echo bye $?' EXIT; trap 'echo err' ERR; false; (trap 'echo sub' EXIT; exit 2); exit 5`,
  tests: `[ a = a ] && echo 1; [ ! -e no ] && echo 2; test 3 -lt 10 && echo 3; [[ abc == a* && abc =~ ^(a)(b) ]] && echo "\${BASH_REMATCH[2]}"; [[ -z "" || x < y ]] && echo 5; [ -d . -a -n x ]; echo $?; [ 1 -eq x ]; echo $?`,
  printf: `printf '%s-%5d|%-5s|%05.1f|%x\\n' a 42 b 3.14159 255; printf '%s\\n' a b c; printf '%b' 'x\\ty\\n'; printf '%q\\n' "a b"; printf -v v '%03d' 7; echo $v; printf '%d\\n' abc; echo $?`,
  "not found and not executable": `nosuchcmd; echo $?; echo x > f; ./f; echo $?; ./nofile; echo $?; /tmp; echo $?`,
  "syntax errors": `echo a; if true; then echo b`,
  "eval, source and dot": `eval 'x=1; echo $x'; echo 'y=2; return 4' > s; . ./s; echo $? $y; source ./s; command echo c; type -t cd echo cat | tr '\\n' ' '; builtin echo d`,
  getopts: `while getopts ab:c o -a -b val -z x; do echo "$o $OPTARG"; done; echo $OPTIND`,
  "set and positional": `set -- a b c; shift; echo $1 $#; set -- "$@" d; echo "$*"; IFS=-; echo "$*"`,
  "export and environment": `A=1; export B=2; C=3 env | grep -E '^(A|B|C)=' | sort; echo $B; unset B; echo "\${B-gone}"`,
  "xargs and find": `printf 'a b\\nc\\n' | xargs -n1 echo x; mkdir -p d/e; touch d/e/f d/g; find d -type f | sort; printf '1\\0002 3\\0' | xargs -0 -I{} echo "<{}>"`,
  "text tools": `printf 'b 2\\na 1\\nc 3\\n' > t; sort t | head -n 2; awk '{s+=$2} END {print s}' t; sed -n 's/b/B/p' t; grep -c . t; cut -d' ' -f2 t | paste -sd+; tail -n1 t; uniq -c t | wc -l; seq 3 | tac`,
  "export of functions in pipes": `f() { cat; }; echo hi | f | { read x; echo "got $x"; }`,
  "nested quotes": `echo "a $(echo "b $(echo 'c d')")" "\${x:-"q r"}"; echo "\\"q\\" \\\\ \\n"`,
  "names and numbers of signals": `kill -l 9; kill -l TERM; kill -l 137; kill -l 15 INT`,
  "a wrong text for eval": `eval 'if' 2>/dev/null; echo $?; eval 'echo "' 2>/dev/null; echo $?; echo on`,
  "printf's own quoting": `printf '%q ' 'a b' "it's" '' $'\\n' $'a\\tb' '$x'; echo; printf '%b|' '\\101\\x42' '\\0101' '\\\\101'; echo`,
  "a prompt without a terminal": `read -p 'name? ' x <<< q; echo $x`,
  "64 bits": `echo $((9223372036854775807)) $((9223372036854775807+1)) $((0xffffffffffffffff)) $((99999999999999999999)); x='1+2'; echo $(($x*2)) $((x*2))`,
  "wrong expressions": `echo $((1 +))\necho $((3 3)); echo same line\necho next\n((1/0)); echo $?; let; let 'x=1/0'; [[ 1 -eq 2#3 ]]`,
  select: `PS3='pick: '; select x in one two three; do echo "[$x] $REPLY"; [ "$x" = two ] && break; done <<< $'9\n\n2'; select x in $(echo {1..20}); do echo $x; break; done <<< 12`,
  "the last argument": `mkdir -p a/b && cd $_ && echo \${PWD##*/}; f() { echo in $_; }; f q r; echo $_; x=1; echo "[$_]"`,
  "a line given up": `shopt -s failglob\necho no*; echo same\necho next $?\nreadonly r=1\nr=2; echo same\necho next`,
  "counting loops whose heads lack a part": `for ((i = 0; i < 2;)) do echo $i; ((i++)); done; for ((i=(0); i<1; i++)); do echo x; done\necho a\nfor ((i=(0); i<2)); do echo $i; done; echo never`,
  "a syntax error on a later line": `echo one\necho two; fi\necho three`,
  "commands missing": `echo a\na | | b`,
  "unbound in a subshell": `set -u; (echo $nope; echo no); echo $?; x=$(echo $nope); echo $?; trap 'echo bye $?' EXIT; echo $nope`,
  "a pattern for all others": `shopt -s extglob\ntouch a.txt b.log; echo !(*.txt); case b in !(a)) echo other;; esac`,
  "where errors are": `f() { nosuch; }\nf; echo "\${BASH_SOURCE[0]}" "\${FUNCNAME[0]}"`,
  tracing: `set -x; x=1; [[ $x == 1 ]]; ((x++)); for i in 1 2; do :; done; case $x in 2) :;; esac; y=$(echo q); a=(1 $x); PS4='+ $LINENO: '; a[1]=x`,
  "functions as text": `f() { local x=1; if a; then b | c; elif ! d; then e; else f > g 2>&1; fi; for i in 1 2; do echo $i & done; while read x; do :; done < f; case $1 in a|b) echo "$x";; *) ;; esac; { g; }; (h; i); a=(1 2); [[ -e $x && y == z ]]; x=1 y; }; declare -f f; type f; declare -F f; type -t f cd if; type nosuch`,
  references: `declare -n r=x; x=5; echo $r \${!r}; r=6; echo $x; f() { local -n o=$1; o=set; }; f y; echo $y; declare -n a=l; l=(1 2 3); a[1]=q; echo \${l[@]} \${#a[@]}; declare -n e='l[2]'; e=z; echo $e \${l[2]}; unset -n r; echo \${r-gone} $x`,
  attributes: `declare -u U=abc; U+=d; declare -l L=ABC; declare -i n=2+3; n+=5; readonly ro=1; declare -A m=(k1 'v 1' k2 v2); m[x y]=3; declare -p U L n ro m; declare ro=2; echo $?; f() { local ro=3; echo no; }; f; echo "\${ro@A}" "\${ro@a}" "\${m[k1]@Q}" "\${m[@]@k}"; t=$'a\tb'; declare -p t; echo "\${t@Q}"`,
  "the status of loops": `for i in 1 2; do [ $i = 2 ] && break; done; echo $?; for i in 1 2; do false; done; echo $?; while true; do false; break; done; echo $?`,
  "printf's times and lengths": `TZ=UTC printf '%(%Y-%m-%d %H:%M:%S %j %V)T|\n' 86400; printf '%5s|%.2s|%ld|%.0f %.0f|%Q\n' é abc 7 0.5 1.5 'a b'`,
  "mapfile and getopts": `mapfile -t -s 1 -n 2 m < <(seq 5); echo \${m[@]}; mapfile -t -O 3 o < <(seq 2); echo \${!o[@]}; cb() { echo "cb $1 $2"; }; mapfile -t -C cb -c 2 c < <(seq 4); OPTERR=0; while getopts ab: o -a -z -b; do echo "$o [$OPTARG]"; done; echo $OPTIND; IFS=,; set -- 1 2; y=$*; echo "$y"; read 1x <<< a; echo $?`,
  "local variables": `x=g; f() { local x=l; h; echo $x; }; h() { echo $x; x=changed; }; f; echo $x; readonly r=1; r=2; echo after`,
};

/** bash says which of its own parts complains; and line numbers within what is read whole can differ. */
function comparable(text: string): string {
  return text.replace(/^(\/bin\/|\/usr\/bin\/)?bash: (-c: )?/gm, "bash: ").replace(/^bash: line \d+: /gm, "bash: ");
}

describe("what the shell cannot it says", () => {
  test.each([
    ["echo $((08))", /value too great for base/],
    ["coproc { cat; }", /coproc is not supported by the local WebContainer engine/],
    ["x=$(select y in 1; do :; done)", /select at this place is not supported/],
  ])("%s", async (script, complaint) => {
    const { stdout, stderr, code } = await run(script);
    expect(stdout).toBe("");
    expect(stderr).toMatch(complaint);
    expect(code).toBeGreaterThan(0);
  });

  test("a number of 64 bits in a variable is exact", async () => {
    expect(await run("x=9223372036854775807; echo $x $((x)) $((x - 1)) $((x + 1))")).toEqual({ stdout: "9223372036854775807 9223372036854775807 9223372036854775806 -9223372036854775808\n", stderr: "", code: 0 });
  });
});

describe("the shell does what bash does", () => {
  const bash = spawnSync("bash", ["--version"]).status === 0;

  test("there is a bash to compare with", () => {
    expect(bash).toBe(true);
  });

  test.each(Object.entries(SCRIPTS))("%s", async (_, script) => {
    const folder = mkdtempSync(join(tmpdir(), "shell-"));
    const real = spawnSync("bash", ["-c", script], { cwd: folder, encoding: "utf8", env: { PATH: process.env.PATH ?? "", HOME: "/root", LC_ALL: "C" } });
    execFileSync("rm", ["-rf", folder]);
    const found = await run(script);
    const place = (text: string): string => comparable(text).replaceAll(folder, "/tmp/work");
    expect({ stdout: place(found.stdout), stderr: place(found.stderr), code: found.code }).toEqual({ stdout: place(real.stdout), stderr: place(real.stderr), code: real.status });
  });
});
