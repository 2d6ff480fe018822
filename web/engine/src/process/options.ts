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
  /** Codes and types of warnings that are not printed. */
  readonly silenced: string[];
  /** Files whose lines become variables of the environment; those in the second list may be missing. */
  readonly envFiles: { readonly path: string; readonly optional: boolean }[];
  /** Globals that this command line takes away. */
  readonly hidden: string[];
  readonly title?: string;
  readonly stackLimit?: number;
  readonly gc: boolean;
  readonly vmModules: boolean;
  /** Whether the report of an uncaught error ends with Node's version. */
  readonly extraInfo: boolean;
  /** Options of the test runner, as they were given. */
  readonly testOptions: Record<string, string | true>;
}

/** A command line that `node` refuses: exit code 9. */
export class BadOption extends Error {}

interface Draft extends Record<string, unknown> {
  requires: string[];
  imports: string[];
  conditions: string[];
  silenced: string[];
  envFiles: { path: string; optional: boolean }[];
  hidden: string[];
  testOptions: Record<string, string | true>;
}

const SHORT: Readonly<Record<string, string>> = {
  "-e": "--eval", "-p": "--print", "-pe": "--print", "-c": "--check", "-r": "--require", "-v": "--version", "-h": "--help", "-i": "--interactive", "-C": "--conditions",
  "--loader": "--experimental-loader", "--es-module-specifier-resolution": "--experimental-specifier-resolution",
};

type Setter = (draft: Draft, value: string) => void;

const flag = (name: string, value: unknown = true): Setter => (draft) => {
  draft[name] = value;
};
const hide = (...names: string[]): Setter => (draft) => void draft.hidden.push(...names);

/** Options without a value. Those in the second place are what `--no-` before the name does. */
const FLAGS: Readonly<Record<string, readonly [Setter | undefined, Setter?]>> = {
  "--check": [flag("check"), flag("check", false)],
  "--test": [flag("test"), flag("test", false)],
  "--test-only": [(draft) => void (draft.testOptions["test-only"] = true), (draft) => Reflect.deleteProperty(draft.testOptions, "test-only")],
  "--version": [flag("version")],
  "--help": [flag("help")],
  "--interactive": [flag("interactive")],
  "--warnings": [flag("warnings"), flag("warnings", false)],
  "--deprecation": [flag("deprecation"), flag("deprecation", false)],
  "--trace-warnings": [flag("traceWarnings"), flag("traceWarnings", false)],
  "--trace-deprecation": [flag("traceDeprecation"), flag("traceDeprecation", false)],
  "--throw-deprecation": [flag("throwDeprecation"), flag("throwDeprecation", false)],
  "--extra-info-on-fatal-exception": [flag("extraInfo"), flag("extraInfo", false)],
  "--expose-gc": [flag("gc"), flag("gc", false)],
  "--experimental-vm-modules": [flag("vmModules"), flag("vmModules", false)],
  "--experimental-fetch": [() => undefined, hide("fetch", "FormData", "Headers", "Request", "Response")],
  "--experimental-global-webcrypto": [() => undefined, hide("crypto", "Crypto", "CryptoKey", "SubtleCrypto")],
  "--experimental-global-customevent": [() => undefined, hide("CustomEvent")],
};

const testOption = (name: string): Setter => (draft, value) => void (draft.testOptions[name] = value);

const VALUED: Readonly<Record<string, Setter>> = {
  "--eval": (draft, value) => void (draft.evaluate = value),
  "--require": (draft, value) => void draft.requires.push(value),
  "--import": (draft, value) => void draft.imports.push(value),
  "--conditions": (draft, value) => void draft.conditions.push(value),
  "--input-type": (draft, value) => {
    if (value !== "module" && value !== "commonjs") throw new BadOption('--input-type must be "module" or "commonjs"');
    draft.inputType = value;
  },
  "--unhandled-rejections": (draft, value) => {
    if (!["warn-with-error-codes", "throw", "strict", "warn", "none"].includes(value)) throw new BadOption("invalid value for --unhandled-rejections");
    draft.rejections = value;
  },
  "--disable-warning": (draft, value) => void draft.silenced.push(value),
  "--env-file": (draft, value) => void draft.envFiles.push({ path: value, optional: false }),
  "--env-file-if-exists": (draft, value) => void draft.envFiles.push({ path: value, optional: true }),
  "--title": (draft, value) => void (draft.title = value),
  "--test-reporter": testOption("test-reporter"),
  "--test-reporter-destination": testOption("test-reporter-destination"),
  "--test-name-pattern": testOption("test-name-pattern"),
  "--test-concurrency": testOption("test-concurrency"),
  "--test-timeout": testOption("test-timeout"),
};

/** V8's own options take their value only behind `=`. */
const V8_VALUED: Readonly<Record<string, Setter>> = {
  "--stack-trace-limit": (draft, value) => void (draft.stackLimit = Number(value)),
  "--max-old-space-size": () => undefined,
  "--max-semi-space-size": () => undefined,
  "--stack-size": () => undefined,
};

/** Options that change nothing a program could see here, and what is on anyway. */
const WITHOUT_EFFECT = new Set([
  "opt", "no-opt", "addons", "no-addons", "verify-base-objects", "no-verify-base-objects", "zero-fill-buffers", "no-zero-fill-buffers",
  "force-async-hooks-checks", "no-force-async-hooks-checks", "experimental-repl-await", "no-experimental-repl-await", "global-search-paths",
  "node-snapshot", "no-node-snapshot", "experimental-modules", "experimental-json-modules", "experimental-detect-module", "experimental-require-module",
  "experimental-worker", "experimental-abortcontroller", "experimental-report", "experimental-top-level-await", "experimental-wasi-unstable-preview1",
  "network-family-autoselection", "enable-network-family-autoselection", "node-memory-debug", "debug-arraybuffer-allocations",
].map((name) => `--${name}`));

/** Stages of the language that V8 of Node 20 has options for, and the browser has anyway. */
const HARMONY = [
  "", "-shipping", "-array-from-async", "-array-grouping", "-atomics", "-change-array-by-copy", "-import-assertions", "-import-attributes", "-intl-best-fit-matcher",
  "-intl-duration-format", "-intl-number-format-v3", "-iterator-helpers", "-json-parse-with-source", "-rab-gsab", "-rab-gsab-transfer", "-regexp-unicode-sets",
  "-sharedarraybuffer", "-symbol-as-weakmap-key", "-temporal",
];
for (const stage of HARMONY) WITHOUT_EFFECT.add(`--harmony${stage}`);

/** Options of Node that would change what a program sees, which they cannot here; what is off anyway may be switched off. */
const REFUSED = new Set([
  "abort-on-uncaught-exception", "allow-addons", "allow-child-process", "allow-fs-read", "allow-fs-write", "allow-wasi", "allow-worker", "build-snapshot",
  "build-snapshot-config", "completion-bash", "cpu-prof", "cpu-prof-dir", "cpu-prof-interval", "cpu-prof-name", "diagnostic-dir", "disable-proto",
  "disable-wasm-trap-handler", "disallow-code-generation-from-strings", "dns-result-order", "enable-etw-stack-walking", "enable-fips",
  "enable-source-maps", "experimental-default-type", "experimental-eventsource", "experimental-import-meta-resolve", "experimental-loader",
  "experimental-network-imports", "experimental-network-inspection", "experimental-permission", "experimental-policy",
  "experimental-print-required-tla", "experimental-sea-config", "experimental-shadow-realm", "experimental-specifier-resolution",
  "experimental-test-coverage", "experimental-test-module-mocks", "experimental-wasm-modules", "experimental-websocket", "force-context-aware",
  "force-fips", "force-node-api-uncaught-exceptions-policy", "frozen-intrinsics", "heap-prof", "heap-prof-dir", "heap-prof-interval", "heap-prof-name",
  "heapsnapshot-near-heap-limit", "heapsnapshot-signal", "http-parser", "huge-max-old-generation-size", "icu-data-dir", "insecure-http-parser", "inspect",
  "inspect-brk", "inspect-port", "debug-port", "inspect-publish-uid", "inspect-wait", "interpreted-frames-native-stack", "jitless",
  "max-http-header-size", "napi-modules", "network-family-autoselection-attempt-timeout", "openssl-config", "openssl-legacy-provider",
  "openssl-shared-config", "pending-deprecation", "perf-basic-prof", "perf-basic-prof-only-functions", "perf-prof", "perf-prof-unwinding-info",
  "policy-integrity", "preserve-symlinks", "preserve-symlinks-main", "prof", "prof-process", "redirect-warnings", "report-compact", "report-dir",
  "report-directory", "report-exclude-network", "report-filename", "report-on-fatalerror", "report-on-signal", "report-signal",
  "report-uncaught-exception", "run", "secure-heap", "secure-heap-min", "snapshot-blob", "test-force-exit", "test-shard", "tls-cipher-list", "tls-keylog",
  "tls-max-v1.2", "tls-max-v1.3", "tls-min-v1.0", "tls-min-v1.1", "tls-min-v1.2", "tls-min-v1.3", "trace-atomics-wait", "trace-event-categories",
  "trace-event-file-pattern", "trace-events-enabled", "trace-exit", "trace-promises", "trace-require-module", "trace-sigint", "trace-sync-io",
  "trace-tls", "trace-uncaught", "track-heap-objects", "use-bundled-ca", "use-largepages", "use-openssl-ca", "v8-options", "v8-pool-size", "watch",
  "watch-path", "watch-preserve-output", "no-experimental-require-module", "no-experimental-detect-module", "no-global-search-paths",
  "no-network-family-autoselection", "allow-natives-syntax", "trace-gc", "trace-opt", "trace-deopt", "single-threaded", "gc-interval",
  "harmony-shadow-realm", "harmony-struct", "harmony-weak-refs-with-cleanup-some", ...HARMONY.map((stage) => `no-harmony${stage}`),
].map((name) => `--${name}`));

/** Words of the environment's NODE_OPTIONS; double quotes hold blanks together. Throws BadOption. */
function wordsOf(text: string): string[] {
  const words: string[] = [];
  let quoted = false;
  let open = false;
  for (let at = 0; at < text.length; at += 1) {
    let character = text.charAt(at);
    if (character === " " && !quoted) {
      open = false;
      continue;
    }
    if (character === '"') {
      quoted = !quoted;
      continue;
    }
    if (character === "\\" && quoted) character = text.charAt((at += 1));
    if (open) words.push(`${words.pop() ?? ""}${character}`);
    else words.push(character);
    open = true;
  }
  if (quoted) throw new BadOption("invalid value for NODE_OPTIONS (unterminated string)");
  return words;
}

/** Options that only a command line may have. */
const COMMAND_LINE_ONLY = new Set(["--eval", "--print", "--check", "--test", "--version", "--help", "--interactive", "--expose-internals", "--run", "--v8-options", "--env-file", "--env-file-if-exists"]);

function newDraft(): Draft {
  return { requires: [], imports: [], conditions: [], silenced: [], envFiles: [], hidden: [], testOptions: {} };
}

/** The options of NODE_OPTIONS, and those of the command line before the first word that is none. Throws BadOption. */
export function parseOptions(args: readonly string[], environment = ""): Options {
  const draft = newDraft();
  fromEnvironment(environment, draft);
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
  if (draft.check === true && draft.evaluate !== undefined) throw new BadOption("either --check or --eval can be used, not both");
  return {
    print: false, check: false, test: false, version: false, help: false, interactive: false, gc: false, vmModules: false, extraInfo: true,
    warnings: true, deprecation: true, traceWarnings: false, traceDeprecation: false, throwDeprecation: false, rejections: "throw",
    ...draft, stdin, execArgv: used, rest: left,
  };
}

function fromEnvironment(text: string, draft: Draft): void {
  const left = wordsOf(text);
  // Like Node, up to the first word that is no option.
  for (let word = left.shift(); word?.startsWith("-") === true; word = left.shift()) {
    const [name, inline] = named(word);
    const given = word.slice(0, word.length - (inline?.length ?? 0));
    if (COMMAND_LINE_ONLY.has(name) || !isKnown(name)) throw new BadOption(`${given} is not allowed in NODE_OPTIONS`);
    apply(word, draft, left, []);
  }
}

/** Options of the whole process, which no thread has of its own. */
const PROCESS_WIDE = new Set([
  "--version", "--help", "--title", "--expose-gc", "--opt", "--no-opt", "--zero-fill-buffers", "--no-zero-fill-buffers", "--node-snapshot", "--no-node-snapshot",
  "--node-memory-debug", "--debug-arraybuffer-allocations", ...Object.keys(V8_VALUED), ...HARMONY.map((stage) => `--harmony${stage}`),
]);

/** What Node says against the `execArgv` of a thread; null when nothing is wrong with it. */
export function wrongForThread(args: readonly string[]): string | null {
  const left = [...args];
  const unusable: string[] = [];
  for (let word = left.shift(); word?.startsWith("-") === true && word !== "-" && word !== "--"; word = left.shift()) {
    if (PROCESS_WIDE.has(named(word)[0])) unusable.push(word);
    else try {
      apply(word, newDraft(), left, []);
    } catch (error) {
      if (!(error instanceof BadOption)) throw error;
      if (error.message !== `bad option: ${word}`) return error.message;
      unusable.push(word);
    }
  }
  return unusable.length === 0 ? null : unusable.join(", ");
}

function isKnown(name: string): boolean {
  const off = name.replace(/^--no-/, "--");
  return [name, off].some((each) => FLAGS[each] ?? VALUED[each] ?? V8_VALUED[each]) || WITHOUT_EFFECT.has(name) || REFUSED.has(name) || REFUSED.has(off);
}

/** The full name of an option, with dashes, and what is behind its `=`. */
function named(word: string): [string, string | undefined] {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  const given = at === -1 ? word : word.slice(0, at);
  const dashed = `--${given.slice(2).replaceAll("_", "-")}`;
  return [SHORT[given] ?? (given.startsWith("--") ? SHORT[dashed] ?? dashed : given), at === -1 ? undefined : word.slice(at + 1)];
}

function apply(word: string, draft: Draft, left: string[], used: string[]): void {
  const [name, inline] = named(word);
  const given = word.slice(0, word.length - (inline?.length ?? 0));
  const take = (): string => {
    const value = inline ?? (left[0]?.startsWith("-") === true ? undefined : left.shift());
    if (value === undefined || value === "") throw new BadOption(`${given} requires an argument`);
    if (inline !== undefined) return value;
    used.push(value);
    return value.startsWith("\\-") ? value.slice(1) : value;
  };
  if (name === "--print") {
    draft.print = true;
    if (left[0] !== undefined && !left[0].startsWith("-")) draft.evaluate = take();
    return;
  }
  const valued = VALUED[name];
  if (valued !== undefined) return valued(draft, take());
  const v8 = V8_VALUED[name];
  if (v8 !== undefined && /^\d+$/.test(inline ?? "")) return v8(draft, inline ?? "");
  if (!simple(name, draft)) throw unknown(name, word, given);
}

/** Whether a name is an option without a value that is known here; it has been done then. */
function simple(name: string, draft: Draft): boolean {
  const positive = FLAGS[name]?.[0];
  const off = name.replace(/^--no-/, "--");
  const setter = positive ?? (off === name ? undefined : FLAGS[off]?.[1]);
  setter?.(draft, "");
  return setter !== undefined || WITHOUT_EFFECT.has(name) || (off !== name && REFUSED.has(off) && !REFUSED.has(name));
}

function unknown(name: string, word: string, given: string): BadOption {
  if (REFUSED.has(name)) return new BadOption(`${given.replace(/=$/, "")} is not supported by the local WebContainer engine`);
  const off = name.replace(/^--no-/, "--");
  if (off !== name && VALUED[off] !== undefined) return new BadOption(`${word} is an invalid negation because it is not a boolean option`);
  return new BadOption(`bad option: ${word}`);
}

/** The names that work here, for `node --help`. */
export function knownOptions(): string[] {
  return [...Object.keys(FLAGS), "--print", ...Object.keys(VALUED).map((name) => `${name}=…`), ...Object.keys(V8_VALUED).map((name) => `${name}=…`)].sort();
}
