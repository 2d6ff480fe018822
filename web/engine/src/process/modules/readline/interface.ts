/** `readline.Interface`: lines of a stream, prompts and questions. Lines are whole; keys are not edited. */

import { EventEmitter, on } from "../events.ts";
import { AbortError, invalidArgValue, nodeError, unsupported } from "../errors.ts";
import { StringDecoder } from "../string_decoder.ts";
import { validateAbortSignal, validateFunction } from "../validate.ts";

type Listener = (...args: unknown[]) => void;

/** A stream that lines are read from. */
export interface Source {
  on(event: string, listener: Listener): unknown;
  removeListener(event: string, listener: Listener): unknown;
  pause(): unknown;
  resume(): unknown;
}

interface Target {
  write(text: string): unknown;
}

interface Decoder {
  write(bytes: Uint8Array): string;
  end(): string;
}

/** What `createInterface` takes besides streams. */
export interface InterfaceOptions {
  readonly input: Source;
  readonly output?: Target | null;
  readonly prompt?: string;
  readonly terminal?: boolean;
  /** Milliseconds within which CR and LF are one end of line; Infinity: always. */
  readonly crlfDelay?: number;
  readonly signal?: AbortSignal;
  readonly history?: string[];
  readonly completer?: unknown;
}

const ENDS = /\r\n|\n|\r(?!\n)/g;
const Base = EventEmitter as unknown as new () => EventEmitter;

/** Whether the output is a terminal. What only asks to be treated as one would have its keys edited, which is not done. */
function terminalOf(options: InterfaceOptions, output: Target | undefined): boolean {
  const real = (output as { isTTY?: boolean } | undefined)?.isTTY === true;
  if (options.terminal === true && !real) throw unsupported("readline with terminal: true, where the output is none,", "keys are not edited; lines are read whole without it");
  return options.terminal ?? real;
}

/** What both interfaces are; they differ in how `question` answers. */
class Lines extends Base {
  readonly input: Source;
  readonly output: Target | undefined;
  readonly terminal: boolean;
  readonly crlfDelay: number;
  line = "";
  cursor = 0;
  history: string[];
  closed = false;
  paused = false;
  #prompt: string;
  #rest = "";
  #returnedAt = -Infinity;
  #asked: ((answer: string) => void) | undefined;
  readonly #decoder = new (StringDecoder as unknown as new (encoding: string) => Decoder)("utf8");
  readonly #ondata: Listener;
  readonly #onend: Listener;

  constructor(given: InterfaceOptions | Source, output?: Target, completer?: unknown, terminal?: boolean) {
    super();
    const options = (given as { input?: unknown }).input === undefined ? { input: given as Source, output: output ?? null, completer, terminal: terminal === true } : given as InterfaceOptions;
    if (options.completer != null && typeof options.completer !== "function") throw invalidArgValue("completer", options.completer);
    this.input = options.input;
    this.output = options.output ?? undefined;
    this.terminal = terminalOf(options, this.output);
    this.crlfDelay = Math.max(100, options.crlfDelay ?? 100);
    this.history = options.history ?? [];
    this.#prompt = options.prompt ?? "> ";
    this.#ondata = (chunk) => this.#take(chunk);
    this.#onend = () => this.#end();
    this.input.on("data", this.#ondata);
    this.input.on("end", this.#onend);
    this.#obey(options.signal);
    this.input.resume();
  }

  getPrompt(): string {
    return this.#prompt;
  }

  setPrompt(prompt: string): void {
    this.#prompt = prompt;
  }

  prompt(): void {
    if (this.paused) this.resume();
    this.output?.write(this.#prompt);
  }

  /** Ask; the line that comes next is the answer and no event. */
  protected ask(query: string, answered: (answer: string) => void, signal: AbortSignal | undefined): void {
    if (this.#asked !== undefined) return this.prompt();
    const drop = (): void => {
      this.#asked = undefined;
    };
    signal?.addEventListener("abort", drop, { once: true });
    this.#asked = (answer) => {
      signal?.removeEventListener("abort", drop);
      answered(answer);
    };
    if (this.paused) this.resume();
    this.output?.write(query);
  }

  pause(): this {
    this.check();
    if (this.paused) return this;
    this.input.pause();
    this.paused = true;
    this.emit("pause");
    return this;
  }

  resume(): this {
    if (!this.paused) return this;
    this.check();
    this.input.resume();
    this.paused = false;
    this.emit("resume");
    return this;
  }

  /** As if the text had been typed. */
  write(text: string | Uint8Array | null): void {
    this.check();
    if (this.paused) this.resume();
    if (text !== null) this.#take(text);
  }

  close(): void {
    if (this.closed) return;
    if (!this.paused) this.pause();
    this.input.removeListener("data", this.#ondata);
    this.input.removeListener("end", this.#onend);
    this.closed = true;
    this.emit("close");
  }

  getCursorPos(): { rows: number; cols: number } {
    return { rows: 0, cols: this.#prompt.length + this.cursor };
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<string> {
    const lines = on(this, "line", { close: ["close"] });
    const iterator: AsyncIterableIterator<string> = {
      next: async () => {
        const { value, done } = (await lines.next()) as IteratorResult<[string], undefined>;
        return done === true ? { value: undefined, done } : { value: value[0], done: false };
      },
      return: async () => {
        await lines.return?.();
        this.close();
        return { value: undefined, done: true };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  protected check(): void {
    if (this.closed) throw nodeError(Error, "ERR_USE_AFTER_CLOSE", "readline was closed");
  }

  #obey(signal: AbortSignal | undefined): void {
    validateAbortSignal(signal, "options.signal");
    if (signal === undefined) return;
    if (signal.aborted) (globalThis as unknown as { process: { nextTick(body: () => void): void } }).process.nextTick(() => this.close());
    else signal.addEventListener("abort", () => this.close(), { once: true });
  }

  #take(chunk: unknown): void {
    let text = this.#rest + (typeof chunk === "string" ? chunk : this.#decoder.write(chunk as Uint8Array));
    if (this.#rest === "" && text.startsWith("\n") && Date.now() - this.#returnedAt <= this.crlfDelay) text = text.slice(1);
    if (text !== "") this.#returnedAt = -Infinity;
    let from = 0;
    for (const { 0: end, index } of text.matchAll(ENDS)) {
      // A CR at the end may be half of an end of line: the line is told now, an LF that follows is dropped.
      if (end === "\r" && index === text.length - 1) this.#returnedAt = Date.now();
      this.#rest = "";
      this.#tell(text.slice(from, index));
      from = index + end.length;
    }
    this.#rest = text.slice(from);
  }

  #tell(line: string): void {
    const answered = this.#asked;
    if (answered === undefined) {
      this.emit("line", line);
      return;
    }
    this.#asked = undefined;
    answered(line);
  }

  #end(): void {
    const last = this.#rest + this.#decoder.end();
    this.#rest = "";
    if (last !== "") this.#tell(last);
    this.close();
  }
}

/** The interface of `readline`. */
export class Interface extends Lines {
  question(query: string, options: { readonly signal?: AbortSignal } | ((answer: string) => void), answered?: (answer: string) => void): void {
    const answer = typeof options === "function" ? options : answered;
    if (typeof answer !== "function") return;
    this.check();
    const signal = typeof options === "function" ? undefined : options.signal;
    validateAbortSignal(signal, "options.signal");
    if (signal?.aborted === true) return;
    this.ask(query, answer, signal);
  }
}

/** The interface of `readline/promises`. */
export class PromisesInterface extends Lines {
  question(query: string, options: { readonly signal?: AbortSignal } = {}): Promise<string> {
    return new Promise((answered, failed) => {
      if (this.closed) throw nodeError(Error, "ERR_USE_AFTER_CLOSE", "readline was closed");
      const { signal } = options;
      validateAbortSignal(signal, "options.signal");
      const refuse = (): void => failed(new AbortError({ cause: signal?.reason }));
      if (signal?.aborted === true) return refuse();
      signal?.addEventListener("abort", refuse, { once: true });
      this.ask(query, answered, signal);
    });
  }
}

export function createInterface(given: InterfaceOptions | Source, output?: Target, completer?: unknown, terminal?: boolean): Interface {
  if (completer !== undefined) validateFunction(completer, "completer");
  return new Interface(given, output, completer, terminal);
}

export function createPromisesInterface(given: InterfaceOptions | Source, output?: Target, completer?: unknown, terminal?: boolean): PromisesInterface {
  return new PromisesInterface(given, output, completer, terminal);
}
