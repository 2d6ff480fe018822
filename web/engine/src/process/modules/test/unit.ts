/** A test or a suite: its hooks, its parts, how it runs, what it tells. */

import { activate, frame, within } from "../../async/context.ts";
import { invalidArgType } from "../errors.ts";
import { TestFailure, type FailureType, type Location, type Result, type TestEvent } from "./events.ts";

/** What a test or suite is declared with. */
export interface UnitOptions {
  readonly concurrency?: number | boolean | null;
  readonly only?: boolean;
  readonly skip?: string | boolean;
  readonly todo?: string | boolean;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

export type Body = (this: unknown, ...args: unknown[]) => unknown;
export const HOOKS = ["before", "after", "beforeEach", "afterEach"] as const;
export type HookName = (typeof HOOKS)[number];

/** What the whole run shares. */
export interface Run {
  readonly emit: (event: TestEvent) => void;
  readonly only: boolean;
  readonly names: readonly RegExp[];
  readonly now: () => number;
  readonly after: (body: () => void, ms: number) => unknown;
  readonly cancel: (timer: unknown) => void;
  readonly counts: Record<"tests" | "suites" | "pass" | "fail" | "cancelled" | "skipped" | "todo", number>;
}

/** The key of the running test in the async context. */
const KEY = {};

/** The test or suite that the code of now belongs to. */
export function currentUnit(): Unit | undefined {
  return frame()?.get(KEY) as Unit | undefined;
}

/** One declaration, before it is made. */
export interface Declared {
  readonly name: string;
  readonly options: UnitOptions;
  readonly body: Body;
  readonly place?: Location;
}

const directive = (value: string | boolean | undefined): string | true | undefined => (value === undefined || value === false ? undefined : value);

/** A test, a suite, or the root of all. */
export class Unit {
  readonly name: string;
  readonly place: Location | undefined;
  readonly nesting: number;
  readonly number: number;
  readonly hooks: Record<HookName, Body[]> = { before: [], after: [], beforeEach: [], afterEach: [] };
  readonly parts: Unit[] = [];
  readonly diagnostics: string[] = [];
  readonly aborter = new AbortController();
  skipped: string | true | undefined;
  todo: string | true | undefined;
  error: unknown;
  finished = false;
  private readonly body: Body;
  private readonly options: UnitOptions;
  private readonly waiting: (() => void)[] = [];
  private running = 0;
  private started: number | undefined;
  private duration = 0;
  private told = false;
  private cancelled = false;
  private begun: Promise<void> | undefined;
  /** What a suite's body came to; its parts run when it is over. */
  private built: Promise<unknown> = Promise.resolve();
  private settle: () => void = () => undefined;
  private reported = 0;
  /** Settles when this one has finished. */
  readonly over = new Promise<void>((done) => {
    this.settle = done;
  });
  /** What bodies and hooks get; set by whoever makes contexts. */
  context: unknown;

  constructor(
    readonly run: Run,
    readonly kind: "root" | "suite" | "test",
    readonly parent: Unit | undefined,
    declared: Declared,
  ) {
    this.name = declared.name;
    this.place = declared.place;
    this.options = declared.options;
    this.body = declared.body;
    this.nesting = parent === undefined || parent.kind === "root" ? 0 : parent.nesting + 1;
    this.number = (parent?.parts.length ?? 0) + 1;
    this.skipped = directive(declared.options.skip) ?? this.excluded();
    this.todo = directive(declared.options.todo);
    activate();
  }

  /** Declare a part. It runs when there is room for it; the promise tells when it is over. */
  add(kind: "suite" | "test", declared: Declared, context: (unit: Unit) => unknown): Promise<void> {
    const unit = new Unit(this.run, kind, this, declared);
    unit.context = context(unit);
    this.parts.push(unit);
    if (kind === "suite") unit.build();
    return unit.turn();
  }

  /** Tell whoever listens that this one is to stop. */
  abort(): void {
    this.aborter.abort();
  }

  /** Run the hooks of a name. Throws TestFailure. */
  async hook(name: HookName, context: unknown): Promise<void> {
    try {
      for (const body of this.hooks[name]) await this.within(() => called(body, [context]));
    } catch (error) {
      const failure = new TestFailure("hookFailed", error);
      failure.message = `failed running ${name} hook`;
      throw failure;
    }
  }

  fail(error: unknown): void {
    this.error ??= error;
  }

  get passed(): boolean {
    return this.error === undefined;
  }

  /** End what has not ended when nothing is left that could end it. */
  cancelPending(): void {
    for (const part of this.parts) {
      if (part.finished) continue;
      part.cancelPending();
      part.cancel(new TestFailure("cancelledByParent", "Promise resolution is still pending but the event loop has already resolved"));
      part.finish();
    }
  }

  /** Tell the start of this one, and of those around it, once. */
  start(): void {
    if (this.told || this.kind === "root") return;
    this.told = true;
    this.parent?.start();
    this.run.emit({ type: "test:start", data: { name: this.name, nesting: this.nesting } });
  }

  private excluded(): string | undefined {
    if (this.kind !== "test") return undefined;
    if (this.run.names.length > 0 && !this.matches()) return "test name does not match pattern";
    return this.run.only && !this.chosen() ? "'only' option not set" : undefined;
  }

  private matches(): boolean {
    return this.run.names.some((pattern) => pattern.test(this.name)) || (this.parent !== undefined && this.parent.kind !== "root" && this.parent.matches());
  }

  private chosen(): boolean {
    return this.options.only === true || (this.parent?.kind === "suite" && this.parent.chosen());
  }

  private within<T>(body: () => T): T {
    return within(new Map([...(frame() ?? []), [KEY, this]]), body);
  }

  private build(): void {
    if (this.skipped !== undefined) return;
    try {
      this.built = Promise.resolve(this.within(() => this.body.call(this.context, this.context)));
    } catch (error) {
      this.built = Promise.reject(error);
    }
    this.built.catch((error: unknown) => this.fail(new TestFailure("testCodeFailure", error)));
  }

  private get room(): number {
    const { concurrency } = this.options;
    if (concurrency === true) return Infinity;
    return typeof concurrency === "number" ? concurrency : this.parent === undefined || concurrency === false ? 1 : this.parent.room;
  }

  /** Wait for a place among the parts of the parent, then run. The parts of a suite wait for its own turn. */
  private async turn(): Promise<void> {
    const { parent } = this;
    if (parent === undefined) return;
    await parent.open();
    try {
      await this.go();
    } finally {
      parent.running -= 1;
      parent.next();
    }
  }

  private async open(): Promise<void> {
    await Promise.resolve();
    if (this.kind === "suite" && this.begun === undefined) await new Promise<void>((ready) => this.waiting.push(ready));
    else if (this.running >= this.room) await new Promise<void>((ready) => this.waiting.push(ready));
    else this.running += 1;
  }

  private next(): void {
    while (this.waiting.length > 0 && this.running < this.room) {
      this.running += 1;
      this.waiting.shift()?.();
    }
  }

  private async go(): Promise<void> {
    this.started = this.run.now();
    await (this.kind === "suite" ? this.goSuite() : this.goTest());
    this.finish();
  }

  private async goSuite(): Promise<void> {
    await this.built.catch(() => undefined);
    try {
      await this.parent?.ready();
      await this.hook("before", this.context);
      this.begun = Promise.resolve();
      this.next();
      await this.partsOver();
      await this.hook("after", this.context);
    } catch (error) {
      this.fail(error);
      this.begun ??= Promise.resolve();
      this.cancelPending();
    }
  }

  private async partsOver(): Promise<void> {
    for (const part of this.parts) await part.over;
  }

  /** The hooks `before` of a test or the root run with its first part. */
  private ready(): Promise<void> {
    if (this.kind === "suite") return Promise.resolve();
    this.begun ??= this.hook("before", this.context);
    return this.begun;
  }

  private async goTest(): Promise<void> {
    if (this.skipped !== undefined) return;
    let each: readonly Unit[] = [];
    try {
      await this.parent?.ready();
      for (const unit of this.around()) {
        each = [...each, unit];
        await unit.hook("beforeEach", this.context);
      }
      await this.bounded();
      for (const unit of this.around().reverse()) await unit.hook("afterEach", this.context);
      await this.hook("after", this.context);
    } catch (error) {
      this.fail(error instanceof TestFailure ? error : new TestFailure("testCodeFailure", error));
      for (const unit of [...each].reverse()) await unit.hook("afterEach", this.context).catch(() => undefined);
      await this.hook("after", this.context).catch(() => undefined);
    }
  }

  /** From the root to the parent. */
  private around(): Unit[] {
    return this.parent === undefined ? [] : [...this.parent.around(), this.parent];
  }

  private async bounded(): Promise<void> {
    const { timeout = Infinity, signal } = this.options;
    let timer: unknown;
    let leave = (): void => undefined;
    const stopped = new Promise<never>((_, refuse) => {
      leave = () => refuse(new TestFailure("testAborted", signal?.reason ?? "The test was aborted"));
      if (timeout !== Infinity) timer = this.run.after(() => refuse(new TestFailure("testTimeoutFailure", `test timed out after ${timeout}ms`)), timeout);
      if (signal?.aborted === true) leave();
      else signal?.addEventListener("abort", leave);
    });
    stopped.catch(() => undefined);
    try {
      await Promise.race([this.within(() => called(this.body, [this.context])), stopped]);
    } catch (error) {
      if (error instanceof TestFailure && error.failureType === "testTimeoutFailure") this.cancel(error);
      throw error;
    } finally {
      if (timer !== undefined) this.run.cancel(timer);
      signal?.removeEventListener("abort", leave);
      this.aborter.abort();
    }
  }

  private cancel(error: TestFailure): void {
    this.cancelled = true;
    this.fail(error);
    this.aborter.abort();
  }

  private finish(): void {
    if (this.finished) return;
    this.cancelPending();
    const failed = this.parts.filter((part) => !part.passed && part.todo === undefined).length;
    if (this.passed && failed > 0) this.fail(new TestFailure("subtestsFailed", `${failed} subtest${failed > 1 ? "s" : ""} failed`));
    this.duration = this.run.now() - (this.started ?? this.run.now());
    this.finished = true;
    this.parent?.report();
    this.settle();
  }

  /** Tell of the parts that have ended, in their order, when it is this one's turn itself. */
  private report(): void {
    if (this.parent !== undefined && !this.parent.isTurnOf(this)) return;
    for (let part = this.parts[this.reported]; part?.finished === true; part = this.parts[this.reported]) {
      part.report();
      part.tell();
      this.reported += 1;
    }
  }

  private isTurnOf(part: Unit): boolean {
    return this.parts[this.reported] === part && (this.parent === undefined || this.parent.isTurnOf(this));
  }

  private tell(): void {
    const { emit } = this.run;
    const [first] = this.parts;
    if (first === undefined) this.start();
    else emit({ type: "test:plan", data: { nesting: first.nesting, count: this.parts.length } });
    this.count();
    emit({ type: this.passed ? "test:pass" : "test:fail", data: this.result() });
    for (const message of this.diagnostics) emit({ type: "test:diagnostic", data: { nesting: this.nesting, message } });
  }

  private result(): Result {
    return {
      name: this.name,
      nesting: this.nesting,
      testNumber: this.number,
      details: { duration_ms: this.duration, ...(this.kind === "suite" ? { type: "suite" } : {}), ...(this.passed ? {} : { error: this.error }) },
      ...(this.skipped === undefined ? {} : { skip: this.skipped }),
      ...(this.todo === undefined ? {} : { todo: this.todo }),
      ...this.place,
    };
  }

  private count(): void {
    const { counts } = this.run;
    if (this.kind === "suite") counts.suites += 1;
    else counts.tests += 1;
    if (this.kind === "suite") return;
    if (this.skipped !== undefined) counts.skipped += 1;
    else if (this.todo !== undefined) counts.todo += 1;
    else if (this.cancelled) counts.cancelled += 1;
    else if (this.passed) counts.pass += 1;
    else counts.fail += 1;
  }
}

/** Call a body that is synchronous, gives a promise, or takes a callback. */
async function called(body: Body, args: readonly unknown[]): Promise<unknown> {
  if (body.length <= args.length) return body.apply(args[0], [...args]);
  return new Promise((done, failed) => {
    let told = false;
    const back = (error: unknown): void => {
      if (told) return failed(failure("multipleCallbackInvocations", "callback invoked multiple times"));
      told = true;
      if (error) failed(error);
      else done(undefined);
    };
    const given = body.apply(args[0], [...args, back]);
    if (given instanceof Promise) failed(failure("callbackAndPromisePresent", "passed a callback but also returned a Promise"));
  });
}

const failure = (type: FailureType, message: string): TestFailure => new TestFailure(type, message);

/** The name, options and body of a call, in whatever order they were given. */
export function declaration(args: readonly unknown[], extra: UnitOptions, place: Location | undefined): Declared {
  const body = args.find((each): each is Body => typeof each === "function");
  const options = args.find((each): each is UnitOptions & { name?: string } => typeof each === "object" && each !== null) ?? {};
  const given = typeof args[0] === "string" ? args[0] : (options as { name?: string }).name ?? body?.name;
  const name = given === undefined || given === "" ? "<anonymous>" : given;
  const { concurrency } = options;
  if (concurrency != null && typeof concurrency !== "number" && typeof concurrency !== "boolean") throw invalidArgType("options.concurrency", ["boolean", "number"], concurrency);
  return { name, options: { ...options, ...extra }, body: body ?? (() => undefined), ...(place === undefined ? {} : { place }) };
}
