/** The utilities that are written here: they hand on what they have as it comes, and end with who reads them. */

import { tr } from "./characters.ts";
import { comm, join, uniq, wc } from "./counts.ts";
import { cmp } from "./cmp.ts";
import { diff } from "./diff.ts";
import { date } from "./date.ts";
import { find } from "./find.ts";
import { du, ls, stat } from "./listing.ts";
import { head, tail } from "./ends.ts";
import { cut, expand, fold, nl, paste, unexpand } from "./fields.ts";
import { grep } from "./grep.ts";
import type { Tool } from "./io.ts";
import { expr, factor, seq } from "./numbers.ts";
import { cat, rev, tac, tee, yes } from "./pass.ts";
import { sed } from "./sed.ts";
import { shuf, sort } from "./sort.ts";

/** By name. */
export const TOOLS: Readonly<Record<string, Tool>> = {
  cat, cmp, comm, cut, date, diff, du, egrep: grep, expand, expr, factor, fgrep: grep, find, fold, grep, head, join, ls, nl, paste, rev, sed, seq, shuf, sort, stat, tac, tail, tee, tr, unexpand, uniq, wc, yes,
};
