import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { run } from "./machine.ts";

// What a Worker has for its messages; nothing is sent here.
vi.hoisted(() => vi.stubGlobal("postMessage", () => undefined));

/** Scripts whose output, complaints and exit code are those of the machine's own utilities. */
const SCRIPTS: Readonly<Record<string, string>> = {
  "grep's lines, counts and surroundings": `printf 'a\\nb\\nc\\nd\\ne\\nf\\n' > f; grep -A1 b f; grep -C1 -n d f; grep -c '[ab]' f; grep -vn '[a-d]' f; grep -oE 'x|xy' <<< 'xyz xy'; grep -q z f; echo $?; grep -w 'a' f nofile; echo $?; echo abab | grep '\\(ab\\)\\1'; echo x12 | grep -oP '\\d+'`,
  "grep through folders": `mkdir -p d/e; echo hit > d/a.txt; echo hit > d/e/b.js; grep -r hit d | sort; grep -rl --include='*.js' hit d; grep hit d; echo $?`,
  "sed's addresses and spaces": `seq 10 | sed -n '3,+2p;$='; seq 5 | sed '$!N;s/\\n/ /'; seq 3 | sed '1!G;h;$!d'; seq 6 | sed '0~3d'; echo 'foo bar' | sed -E 's/(\\w+) (\\w+)/\\U\\1\\E \\u\\2/'; echo hello | sed 's/l*/X/2'; printf 'a' | sed 's/a/b/'; sed 's/a' < /dev/null; echo $?`,
  "sed in place": `printf 'a\\nb\\n' > f; sed -i.bak 's/a/x/;2q' f; cat f f.bak; sed -n 's/x/z/w out' f; cat out; seq 3 | sed -e '2i\\' -e 'before' -e '2a after' -e '3c changed'`,
  "awk's fields, arrays and functions": `printf 'a:b:c\\n' | awk -F: -v OFS=- '{$2=""; print; print $1,$3,NF}'; printf 'k1 3\\nk2 4\\nk1 5\\n' | awk '{s[$1]+=$2} END {for (k in s) print k, s[k]}' | sort; awk 'function f(n) {return n<=1?1:n*f(n-1)} BEGIN {print f(10); printf "%05.1f|%-5s|%x\\n", 3.14159, "ab", 255}'; printf 'a\\n\\nb\\nc\\n\\n\\nd\\n' | awk 'BEGIN {RS=""; FS="\\n"} {print NR": "$1"|"$2" "NF}'`,
  "awk's files and commands": `awk 'BEGIN {"echo hi" | getline x; print x; print "b\\na" | "sort"; close("sort"); system("echo sys"); print "f" > "o"; close("o"); while ((getline l < "o") > 0) print "got", l; exit 3}'; echo $?; seq 5 | awk 'NR==2,NR==4'; echo 'a1b22' | awk '{gsub(/[0-9]+/, "<&>"); print}'`,
  "diff in its forms": `seq 30 > x; seq 30 | sed '3d;15s/$/x/;20a new' > y; diff x y; echo $?; diff -u --label a --label b x y; diff -c --label a --label b x y; diff -U0 --label a --label b x y; diff -q x y; diff -s x x; printf 'a' > n; printf 'a\\n' > m; diff n m; mkdir -p p q; echo 1 > p/a; echo 2 > q/a; echo x > p/only; diff -r p q; echo $?`,
  "sort's keys and orders": `printf 'b 2\\na 10\\nc 1\\n' | sort -k2n; printf '1K\\n2M\\n500\\n' | sort -h; printf 'v1.10\\nv1.9\\n' | sort -V; printf 'b\\na\\nb\\n' | sort -u; printf '3 x\\n1 y\\n3 a\\n' | sort -k1,1nr -k2,2; printf 'b\\na\\n' | sort -c; echo $?; printf 'a:3\\nb:1\\n' | sort -t: -k2,2n; sort nofile; echo $?`,
  "tr, cut, paste and wc": `echo Hello | tr a-z A-Z; echo aabbcc | tr -s a-c; echo abc123 | tr -cd '0-9\\n'; echo a:b:c | cut -d: -f1,3 --output-delimiter=-; echo abcdef | cut -c2-4; seq 4 | paste -sd+; seq 4 | paste -d' ' - -; printf 'one two\\nthree\\n' > f; wc f; wc -l f nofile; echo $?; cut -f0; echo $?`,
  "ls, stat and links": `mkdir d; printf hello > d/b; touch d/.h; chmod 640 d/b; ln -s b d/l; ls d; ls -A d; ls -F d; ls -l d/l | cut -c1-10; ls -l d/l | sed 's/.* l/l/'; stat -c '%n %s %a %A %F' d/b; stat -c %N d/l; stat -c '%a %F' d; ls nofile; echo $?; readlink -f d/l | sed 's/.*d/d/'; realpath --relative-to=d d/b`,
  "find's tests and actions": `mkdir -p d/e/f; touch d/x.js d/e/y.js d/e/f/z.txt; find d -name e -prune -o -print | sort; find d -type f -exec echo {} + | tr ' ' '\\n' | sort; find d -empty -type f -print0 | tr '\\0' '\\n' | sort; find d \\( -name '*.js' -o -name '*.txt' \\) ! -path '*/f/*' | sort; find d -maxdepth 1 -type f -printf '%f %s %y %d %h\\n'; find d -nope; echo $?; find nofile; echo $?`,
  "date's formats": `export TZ=UTC; date -d '2020-01-02 03:04:05' '+%Y %m %d %j %a %B %e %I %p %u %V %G %s %z %Z %D %F %T %R %-d %^a'; date -d @0; date -d '2020-01-31 +1 month' +%F; date -d '2020-01-01T12:34:56+02:00' +%s; date -d 'Jan 5 2021' -I; date -d garbage; echo $?`,
  "expr's groups": `expr \\( 1 + 2 \\) \\* 3; expr abc : 'a\\(.\\)c'; expr substr abcdef 2 3; expr 1 / 0; echo $?; expr a = b; echo $?; expr 1 +; echo $?`,
  "bytes to read": `printf 'abcdefghijklmnopqrs\\0' > f; od -c f; od -An -tx1 f; od f; base64 f; base64 f | base64 -d | od -An -tu4`,
  "comm, join, uniq and nl": `printf 'a\\nb\\nc\\n' > x; printf 'b\\nc\\nd\\n' > y; comm x y; printf '1 a\\n2 b\\n' > p; printf '1 A\\n3 C\\n' > q; join -a1 p q; printf 'a\\na\\nb\\n' | uniq -c; printf 'a\\n\\nb\\n' | nl; echo 'the quick brown fox' | fold -s -w10`,
  "split's pieces and their names": `seq 700 > f; split -b 1k f a; cksum() { cat "$@" | md5sum; }; cksum a*; ls a*; split -l 1 f b; ls b* | sed -n '1p;26,27p;649,652p;$p'; split -dl 300 --verbose f c; split -50 --additional-suffix=.x f d; ls d*; split -a1 -l 1 f e; echo $?; ls e* | wc -l; seq 5 | split -l 2 --numeric-suffixes=7 - g; tail -n +1 g*; printf a | split; cat xaa; split -l 0 f; split -b 1x f; split -b 1 -l 1 f; echo $?; split nofile; split f xaa b; split --additional-suffix=a/b f; split -b`,
  "xargs's items and commands": `printf "a b\\n'c d' e\\n\\n  f\\\\\\\\\\ng  \\n" > f; for o in '-L1 printf <%s>.' '-L2 echo' '-I{} echo [{}]' '-n2 echo' '-n 0' '-n x' '-I{} -n1 echo {}.{}' '-d b printf <%s>' '-0 printf <%s>' '-d ab' '-P4 echo' '-Z'; do xargs $o < f; echo $?; done; echo "it's" | xargs; echo $?; seq 50000 | xargs echo | wc; xargs -L1 echo r < /dev/null; xargs -r echo r < /dev/null; echo 1 | xargs false; echo $?; seq 3 | xargs -n1 -t echo x`,
  "what an option is not": `head -x; echo $?; grep --nope x; echo $?; cut -d: ; echo $?; sort -k0 < /dev/null; echo $?; ls --nope; echo $?`,
};

describe("utilities answer as the machine's own", () => {
  test.each(Object.entries(SCRIPTS))("%s", async (_, script) => {
    const folder = mkdtempSync(join(tmpdir(), "utilities-"));
    try {
      const real = spawnSync("/bin/bash", ["-c", script], { cwd: folder, input: "", encoding: "utf8", env: { PATH: "/usr/bin:/bin", HOME: "/root", LC_ALL: "C.UTF-8" } });
      expect(await run(script)).toEqual({ stdout: real.stdout, stderr: real.stderr, code: real.status });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("utilities hand on what they have, and end with their reader", () => {
  const ENDLESS: Readonly<Record<string, [script: string, stdout: string]>> = {
    "an endless producer": ["yes | head -2; yes | sed -n '2{p;q}'; yes | grep -m1 y; yes n | tr n m | head -1; yes | awk 'NR==3 {print NR; exit}'; yes a:b | cut -d: -f2 | head -1", "y\ny\ny\ny\nm\n3\nb\n"],
    "xargs of what never ends": ["yes | xargs -n2 echo | head -2; yes | timeout 0.2 xargs -n1 true; echo $?", "y y\ny y\n124\n"],
    "a loop that reads what comes": ["{ echo a; sleep 0.2; echo b; } | sed -u s/^/x/ | while read -r line; do echo \"$line\"; [ \"$line\" = xa ] && echo first > seen; done; cat seen", "xa\nxb\nfirst\n"],
    "a file that grows": ["echo 1 > f; (sleep 0.2; echo 2 >> f) & tail -f f | head -2", "1\n2\n"],
    "a time limit": ["timeout 0.2 yes > /dev/null; echo $?; timeout 0.2 tail -f /dev/null; echo $?", "124\n124\n"],
  };
  test.each(Object.entries(ENDLESS))("%s", async (_, [script, stdout]) => {
    expect((await run(script)).stdout).toBe(stdout);
  });

  test("what GNU has and the engine has not is refused by name", async () => {
    expect(await run("diff -y /dev/null /dev/null; sort -R < /dev/null; sed e < /dev/null")).toEqual({
      stdout: "", code: 1,
      stderr: "diff: option -y is not supported by the local WebContainer engine\nsort: option -R is not supported by the local WebContainer engine\nsed: the command 'e' of sed is not supported by the local WebContainer engine\n",
    });
  });
});
