/** `node:test` and `node:test/reporters`: tests in the program's own process. */

import { loopTimer } from "./clock.ts";
import { refusal, unsupported } from "../errors.ts";
import { placeOf } from "../../stacks.ts";
import { TestFailure, type Location, type Reporter, type TestEvent } from "./events.ts";
import { MockTracker } from "./mock.ts";
import { dotReporter, specReporter } from "./spec.ts";
import { tapReporter } from "./tap.ts";
import { currentUnit, declaration, HOOKS, Unit, type Body, type HookName, type Run, type UnitOptions } from "./unit.ts";

/** What of `process` the tests use. */
interface Process {
  readonly execArgv: readonly string[];
  readonly stdout: { readonly isTTY?: boolean; write(text: string): unknown };
  exitCode?: unknown;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

const REPORTERS: Readonly<Record<string, () => Reporter>> = { tap: tapReporter, spec: specReporter, dot: dotReporter };
const COUNTS = ["tests", "suites", "pass", "fail", "cancelled", "skipped", "todo"] as const;

/** Values of a command line option, given as `--name=value` or `--name value`. */
function valuesOf(process: Process, name: string): string[] {
  return process.execArgv.flatMap((word, at) => (word.startsWith(`${name}=`) ? [word.slice(name.length + 1)] : word === name ? [process.execArgv[at + 1] ?? ""] : []));
}

function pattern(text: string): RegExp {
  const [, source, flags] = /^\/(.*)\/([a-z]*)$/.exec(text) ?? [];
  return source === undefined ? new RegExp(text) : new RegExp(source, flags);
}

/** All tests of the process: made with the first declaration, told of as they end, summed up when nothing is left to do. */
class Session {
  readonly root: Unit;
  private readonly reporter: Reporter;
  private readonly started = loopTimer.now();
  private readonly counts: Run["counts"] = { tests: 0, suites: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
  private ended = false;

  constructor(private readonly process: Process) {
    const [chosen = process.stdout.isTTY === true ? "spec" : "tap"] = valuesOf(process, "--test-reporter");
    const make = REPORTERS[chosen];
    if (make === undefined) throw unsupported(`the test reporter ${chosen}`, "there are tap, spec and dot");
    this.reporter = make();
    const run: Run = {
      ...loopTimer,
      emit: (event) => this.tell(event),
      only: process.execArgv.includes("--test-only"),
      names: valuesOf(process, "--test-name-pattern").map(pattern),
      counts: this.counts,
    };
    this.root = new Unit(run, "root", undefined, { name: "<root>", options: {}, body: () => undefined });
    process.on("beforeExit", () => void this.end());
    const failed = (error: unknown): void => this.blame(error);
    process.on("uncaughtException", failed);
    process.on("unhandledRejection", failed);
  }

  private tell(event: TestEvent): void {
    if (event.type === "test:fail" && event.data.todo === undefined) this.process.exitCode = 1;
    this.process.stdout.write(this.reporter(event));
  }

  /** An error that nobody caught is that of the test under way. */
  private blame(error: unknown): void {
    let unit = this.root;
    for (let next: Unit | undefined = unit; next !== undefined; next = unit.parts.find((part) => !part.finished)) unit = next;
    if (unit === this.root) this.process.exitCode = 1;
    unit.fail(new TestFailure("uncaughtException", error));
    unit.abort();
  }

  private async end(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    this.root.cancelPending();
    await this.root.hook("after", this.root.context).catch(() => {
      this.process.exitCode = 1;
    });
    this.tell({ type: "test:plan", data: { nesting: 0, count: this.root.parts.length } });
    for (const message of [...this.root.diagnostics, ...COUNTS.map((name) => `${name} ${this.counts[name]}`), `duration_ms ${loopTimer.now() - this.started}`]) {
      this.tell({ type: "test:diagnostic", data: { nesting: 0, message } });
    }
    this.process.stdout.write(this.reporter(undefined));
  }
}

let session: Session | undefined;

function root(): Unit {
  session ??= new Session((globalThis as unknown as { process: Process }).process);
  return session.root;
}

/** Where the program called; the engine's own frames are not in stacks. */
function caller(): Location | undefined {
  const place = placeOf(new Error().stack);
  if (place === undefined) return undefined;
  return { ...place, file: place.file.startsWith("file://") ? decodeURIComponent(new URL(place.file).pathname) : place.file };
}

/** What a test's body gets. */
class TestContext {
  readonly #unit: Unit;
  #mock: MockTracker | undefined;

  constructor(unit: Unit) {
    this.#unit = unit;
  }

  get name(): string {
    return this.#unit.name;
  }

  get fullName(): string {
    const names = [this.#unit.name];
    for (let at = this.#unit.parent; at !== undefined && at.kind !== "root"; at = at.parent) names.unshift(at.name);
    return names.join(" > ");
  }

  get signal(): AbortSignal {
    return this.#unit.aborter.signal;
  }

  get mock(): MockTracker {
    this.#mock ??= new MockTracker();
    return this.#mock;
  }

  readonly plan = refusal("TestContext.plan");

  diagnostic(message: string): void {
    this.#unit.diagnostics.push(message);
  }

  skip(message?: string): void {
    this.#unit.skipped = message ?? true;
  }

  todo(message?: string): void {
    this.#unit.todo = message ?? true;
  }

  runOnly(): void {
    this.#unit.diagnostics.push("'only' and 'runOnly' require the --test-only command-line option.");
  }

  test(...args: unknown[]): Promise<void> {
    return declare("test", this.#unit, args, {});
  }

  before(body: Body): void {
    this.#unit.hooks.before.push(body);
  }

  after(body: Body): void {
    this.#unit.hooks.after.push(body);
  }

  beforeEach(body: Body): void {
    this.#unit.hooks.beforeEach.push(body);
  }

  afterEach(body: Body): void {
    this.#unit.hooks.afterEach.push(body);
  }
}

/** What the body of a suite gets. */
class SuiteContext {
  constructor(
    readonly name: string,
    readonly signal: AbortSignal,
  ) {}
}

function declare(kind: "suite" | "test", parent: Unit, args: readonly unknown[], extra: UnitOptions): Promise<void> {
  const declared = declaration(args, extra, caller());
  const context = (unit: Unit): unknown => (kind === "test" ? new TestContext(unit) : new SuiteContext(unit.name, unit.aborter.signal));
  return parent.add(kind, declared, context);
}

type Declare = ((...args: unknown[]) => Promise<void>) & Record<"skip" | "todo" | "only", (...args: unknown[]) => Promise<void>>;

function declarer(kind: "suite" | "test"): Declare {
  const plain = (extra: UnitOptions) => (...args: unknown[]): Promise<void> => {
    const parent = currentUnit() ?? root();
    const over = declare(kind, parent, args, extra);
    // The parts of a suite are waited for by the suite.
    return parent.kind === "suite" ? Promise.resolve() : over;
  };
  return Object.assign(plain({}), { skip: plain({ skip: true }), todo: plain({ todo: true }), only: plain({ only: true }) });
}

const hook = (name: HookName) => (body: Body): void => {
  (currentUnit() ?? root()).hooks[name].push(body);
};

/** What `require("node:test")` gives. */
export function testModule(): unknown {
  const test = declarer("test");
  const suite = declarer("suite");
  const mock = new MockTracker();
  const hooks = Object.fromEntries(HOOKS.map((name) => [name, hook(name)]));
  const run = refusal("run of node:test", "start the test files with node");
  return Object.assign(test, { ...hooks, describe: suite, it: test, run, suite, test, mock });
}

type Source = AsyncIterable<TestEvent>;

const streamed = (make: () => Reporter) => async function* (source: Source): AsyncGenerator<string> {
  const reporter = make();
  for await (const event of source) yield reporter(event);
  yield reporter(undefined);
};

/** What `require("node:test/reporters")` gives. */
export function reportersModule(): unknown {
  const refused = { junit: refusal("the test reporter junit"), lcov: refusal("the test reporter lcov") };
  return { dot: streamed(dotReporter), spec: streamed(specReporter), tap: streamed(tapReporter), ...refused };
}
