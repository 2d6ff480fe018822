/** The utilities that are written here: they hand on what they have as it comes, and end with who reads them. */

import { awk } from "./awk/awk.ts";
import { tr } from "./characters.ts";
import { comm, join, uniq, wc } from "./counts.ts";
import { cmp } from "./cmp.ts";
import { diff } from "./diff.ts";
import { date } from "./date.ts";
import { find } from "./find.ts";
import { du, ls, stat } from "./listing.ts";
import { head, tail } from "./ends.ts";
import { cut, expand, fold, nl, paste, unexpand } from "./fields.ts";
import { base32, base64, hexdump, od, xxd } from "./dump.ts";
import { grep } from "./grep.ts";
import type { Tool } from "./io.ts";
import { arch, basename, dirname, id, mktemp, nproc, readlink, realpath, tty, uname, whoami } from "./names.ts";
import { expr, factor, seq } from "./numbers.ts";
import { cat, rev, tac, tee, yes } from "./pass.ts";
import { sed } from "./sed.ts";
import { shuf, sort } from "./sort.ts";
import { split } from "./split.ts";

/** By name. */
export const TOOLS: Readonly<Record<string, Tool>> = {
  arch, awk, base32, base64, basename, cat, cmp, comm, cut, date, diff, dirname, du, egrep: grep, expand, expr, factor, fgrep: grep, find, fold, grep, head, hexdump, id, join, ls, mktemp, nl, nproc, od, paste, readlink, realpath, rev, sed, seq, shuf, sort, split, stat, tac, tail, tee, tr, tty, uname, unexpand, uniq, wc, whoami, xxd, yes,
};
