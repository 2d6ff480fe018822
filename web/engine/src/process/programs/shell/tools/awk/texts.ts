/** `sub` and `gsub`. */

import type { Expression } from "../expressions.ts";

/** What stands for a match: `&` is the match, `\&` an ampersand. */
function filled(by: string, found: string): string {
  return by.replace(/\\\\&|\\&|&|\\\\/g, (mark) => (mark === "&" ? found : mark === "\\&" ? "&" : mark === "\\\\&" ? `\\${found}` : "\\\\"));
}

/** Replace matches; the answer is also how many they were. */
export function substitute(expression: Expression, by: string, text: string, every: boolean): { text: string; count: number } {
  let [made, from, count] = ["", 0, 0];
  for (let at = 0; at <= text.length; ) {
    const found = expression.exec(text, at);
    if (found === null) break;
    const end = found.index + found[0].length;
    // An empty match right behind another is none.
    const again = found[0] === "" && count > 0 && found.index === from;
    if (!again) {
      made += text.slice(from, found.index) + filled(by, found[0]);
      from = end;
      count += 1;
      if (!every) break;
    }
    at = found[0] === "" ? end + 1 : end;
  }
  return { text: made + text.slice(from), count };
}
