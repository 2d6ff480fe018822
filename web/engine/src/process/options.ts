/** The command line of `node`. */

/** What the options before the script's name ask for. */
export interface Options {
  readonly execArgv: string[];
  /** The script and its arguments, or only arguments with `-e`. */
  readonly rest: string[];
  readonly evaluate?: string;
  readonly print: boolean;
  readonly check: boolean;
  readonly test: boolean;
  readonly version: boolean;
  readonly help: boolean;
  readonly stdin: boolean;
  readonly interactive: boolean;
  readonly inputType?: string;
  readonly requires: string[];
  readonly imports: string[];
  readonly conditions: string[];
  readonly warnings: boolean;
  readonly deprecation: boolean;
  readonly traceWarnings: boolean;
  readonly traceDeprecation: boolean;
  readonly throwDeprecation: boolean;
  readonly rejections: string;
  /** Options of the test runner, as they were given. */
  readonly testOptions: Record<string, string | true>;
}

/** A command line that `node` refuses: exit code 9. */
export class BadOption extends Error {}

interface Draft extends Record<string, unknown> {
  requires: string[];
  imports: string[];
  conditions: string[];
  testOptions: Record<string, string | true>;
}

const SHORT: Readonly<Record<string, string>> = {
  "-e": "--eval", "-p": "--print", "-pe": "--print", "-c": "--check", "-r": "--require", "-v": "--version", "-h": "--help", "-i": "--interactive", "-C": "--conditions",
};

type Setter = (draft: Draft, value: string) => void;

const flag = (name: string, value: unknown = true): Setter => (draft) => {
  draft[name] = value;
};

const FLAGS: Readonly<Record<string, Setter>> = {
  "--check": flag("check"),
  "--test": flag("test"),
  "--test-only": (draft) => void (draft.testOptions["test-only"] = true),
  "--version": flag("version"),
  "--help": flag("help"),
  "--interactive": flag("interactive"),
  "--no-warnings": flag("warnings", false),
  "--no-deprecation": flag("deprecation", false),
  "--trace-warnings": flag("traceWarnings"),
  "--trace-deprecation": flag("traceDeprecation"),
  "--throw-deprecation": flag("throwDeprecation"),
};

const VALUED: Readonly<Record<string, Setter>> = {
  "--eval": (draft, value) => void (draft.evaluate = value),
  "--require": (draft, value) => void draft.requires.push(value),
  "--import": (draft, value) => void draft.imports.push(value),
  "--conditions": (draft, value) => void draft.conditions.push(value),
  "--input-type": (draft, value) => void (draft.inputType = value),
  "--unhandled-rejections": (draft, value) => void (draft.rejections = value),
  "--test-reporter": (draft, value) => void (draft.testOptions["test-reporter"] = value),
  "--test-reporter-destination": (draft, value) => void (draft.testOptions["test-reporter-destination"] = value),
  "--test-name-pattern": (draft, value) => void (draft.testOptions["test-name-pattern"] = value),
  "--test-concurrency": (draft, value) => void (draft.testOptions["test-concurrency"] = value),
  "--test-timeout": (draft, value) => void (draft.testOptions["test-timeout"] = value),
};

/** Options that change nothing a program could see here: memory limits, snapshots, and what is on anyway. */
const WITHOUT_EFFECT = /^--(?:max-old-space-size|max-semi-space-size|stack-size|no-opt|expose-gc|max-http-header-size|dns-result-order|experimental-(?:vm-modules|modules|json-modules|detect-module|require-module|global-webcrypto|fetch|import-meta-resolve|worker)|no-experimental-fetch|no-addons|harmony)(?:[-=].*)?$/;
const TAKES_VALUE = new Set(["--max-old-space-size", "--max-semi-space-size", "--stack-size"]);

/** Options before the first word that is none. Throws BadOption. */
export function parseOptions(args: readonly string[]): Options {
  const draft: Draft = { requires: [], imports: [], conditions: [], testOptions: {} };
  const left = [...args];
  const used: string[] = [];
  for (let word = left[0]; word?.startsWith("-") === true && word !== "-"; word = left[0]) {
    left.shift();
    used.push(word);
    if (word === "--") break;
    apply(word, draft, left, used);
  }
  const stdin = left[0] === "-";
  if (stdin) left.shift();
  if (used.at(-1) === "--") used.pop();
  return {
    print: false, check: false, test: false, version: false, help: false, interactive: false,
    warnings: true, deprecation: true, traceWarnings: false, traceDeprecation: false, throwDeprecation: false, rejections: "throw",
    ...draft, stdin, execArgv: used, rest: left,
  };
}

function apply(word: string, draft: Draft, left: string[], used: string[]): void {
  const [given, inline] = splitAtEquals(word);
  const name = SHORT[given] ?? given;
  const take = (): string => {
    const value = inline ?? left.shift();
    if (value === undefined) throw new BadOption(`${given} requires an argument`);
    if (inline === undefined) used.push(value);
    return value;
  };
  if (name === "--print") {
    draft.print = true;
    if (left[0] !== undefined && !left[0].startsWith("-")) draft.evaluate = take();
    return;
  }
  const valued = VALUED[name];
  if (valued !== undefined) return valued(draft, take());
  const simple = FLAGS[name];
  if (simple !== undefined) return simple(draft, "");
  if (WITHOUT_EFFECT.test(word)) {
    if (inline === undefined && TAKES_VALUE.has(name)) take();
    return;
  }
  if (REFUSED.test(name)) throw new BadOption(`${given} is not supported by the local WebContainer engine`);
  throw new BadOption(`bad option: ${word}`);
}

const REFUSED = /^--(?:inspect|enable-|stack-trace-limit|title|abort-on|secure-heap|watch|experimental|loader|env-file|prof|cpu-prof|heap|trace|report|tls|openssl|use-|diagnostic|allow|permission|build-snapshot|run|test|preserve-symlinks|frozen-intrinsics|disallow|v8-options|perf|interpreted|zero-fill|pending-deprecation|force|jitless|icu|redirect|disable)/;

function splitAtEquals(word: string): [string, string | undefined] {
  const at = word.indexOf("=");
  return at === -1 || !word.startsWith("--") ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}
