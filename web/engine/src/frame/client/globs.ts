/** Patterns that choose files of an export. */

/** Whether a path, relative to the exported folder, is meant by one of some patterns. */
export type Chooser = (path: string) => boolean;

/**
 * A pattern with a slash is matched against the whole path, one without against each name in it; a folder that is meant
 * means all below it. `*` and `?` stay within a name, `**` does not; `[a-z]`, `[!a]` and `{a,b}` are as in shells.
 */
export function chooser(patterns: readonly string[] | undefined): Chooser | null {
  if (patterns === undefined || patterns.length === 0) return null;
  const expressions = patterns.map(expressionOf);
  return (path) => expressions.some((expression) => expression.test(path));
}

function expressionOf(pattern: string): RegExp {
  const bare = pattern.replace(/^\.?\//, "").replace(/\/$/, "");
  const start = pattern.replace(/\/$/, "").includes("/") ? "^" : "(?:^|/)";
  // A pattern for everything below a folder leaves the folder itself, as people expect of `dist/**`.
  const end = bare.endsWith("/**") ? "$" : "(?:/|$)";
  return new RegExp(start + translate(bare) + end, "u");
}

const TOKEN = /\*\*\/|\*\*|\*|\?|\[!?[^\]]+\]|[{},]|[^*?[{},]+|\[/gu;

function translate(pattern: string): string {
  let depth = 0;
  return (pattern.match(TOKEN) ?? [])
    .map((token) => {
      if (token === "{") depth += 1;
      if (token === "}" && depth > 0) {
        depth -= 1;
        return ")";
      }
      return piece(token, depth > 0);
    })
    .join("");
}

function piece(token: string, inBraces: boolean): string {
  if (token === "**/") return "(?:.*/)?";
  if (token === "**") return ".*";
  if (token === "*") return "[^/]*";
  if (token === "?") return "[^/]";
  if (token === "{") return "(?:";
  if (token === "," && inBraces) return "|";
  if (token.startsWith("[") && token.length > 2) return token.replace(/^\[!/, "[^").replaceAll("\\", "\\\\");
  return token.replace(/[.*+?^${}()|[\]\\/]/gu, "\\$&");
}
