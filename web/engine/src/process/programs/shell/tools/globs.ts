/** File name patterns of `find -name` and `grep --include`: as the shell's, but a slash and a first dot are nothing special. */

import { literal } from "./expressions.ts";

/** The expression of a pattern. */
export function globExpression(glob: string, ignoreCase = false): RegExp {
  let source = "";
  for (let at = 0; at < glob.length; at += 1) {
    const char = glob.charAt(at);
    if (char === "*") source += "[^]*";
    else if (char === "?") source += "[^]";
    else if (char === "\\" && at + 1 < glob.length) source += literal(glob.charAt(++at));
    else if (char === "[") {
      const found = /^\[([!^]?)(\]?(?:\[:\w+:\]|[^\]])*)\]/.exec(glob.slice(at));
      if (found === null) source += "\\[";
      else {
        source += `[${found[1] === "" ? "" : "^"}${bracket(found[2] ?? "")}]`;
        at += found[0].length - 1;
      }
    } else source += literal(char);
  }
  return new RegExp(`^${source}$`, ignoreCase ? "iu" : "u");
}

const CLASSES: Readonly<Record<string, string>> = { alpha: "\\p{L}", digit: "0-9", alnum: "\\p{L}0-9", upper: "\\p{Lu}", lower: "\\p{Ll}", space: "\\s", punct: "\\p{P}\\p{S}", xdigit: "0-9A-Fa-f" };

function bracket(inside: string): string {
  return inside.replace(/\[:(\w+):\]|[\\\][^&~!@#$%*+,./:;<=>?`{|}()]/g, (found: string, name: string | undefined) => (name === undefined ? `\\x${found.charCodeAt(0).toString(16)}` : (CLASSES[name] ?? "")));
}
