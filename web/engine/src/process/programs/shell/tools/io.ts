/** What a utility works with: its name, its streams, the files that its operands name. */

import { bytesOf } from "../raw.ts";
import { reason } from "../redirect.ts";
import type { Shell } from "../shell.ts";
import { Exit } from "../state.ts";
import { concat, giveBack, read, type Target } from "../streams.ts";
import { SIGNALS } from "../system.ts";
import { ToolError } from "./options.ts";
import { textOf } from "./text.ts";

/** A utility: the answer is its exit code. Throws ToolError, which is said and is the exit code. */
export type Tool = (io: Io, args: readonly string[]) => Promise<number>;

/** How much of its input a utility holds that needs all of it. A Worker may have about a gigabyte. */
const WHOLE = 256 * 1024 * 1024;
const PART = 64 * 1024;
/** How often who waits for input looks whether it is to end, in milliseconds. */
const WATCH_MS = 50;
/** How many times is written before signals are given a chance. */
const BREATH = 64;

/** Where bytes come from. */
export interface Source {
  /** As the command line names it. */
  readonly name: string;
  /** The next bytes, null at the end. */
  next(): Promise<Uint8Array | null>;
  /** Give back what was read too many. */
  back(data: Uint8Array): void;
  close(): void;
}

/** Bytes of a file, from where it stands. */
class FileSource implements Source {
  private pending: Uint8Array[] = [];

  constructor(readonly name: string, private readonly io: Io, private readonly fd: number) {}

  next(): Promise<Uint8Array | null> {
    const kept = this.pending.pop();
    if (kept !== undefined) return Promise.resolve(kept);
    const data = this.io.files("fs.read", this.fd, PART, null);
    return Promise.resolve(data.length === 0 ? null : data);
  }

  back(data: Uint8Array): void {
    if (data.length > 0) this.pending.push(data);
  }

  close(): void {
    this.io.files("fs.close", this.fd);
  }
}

/** A utility's surroundings. */
export class Io {
  private flushes = 0;
  private pending: Uint8Array[] = [];
  private size = 0;

  constructor(readonly shell: Shell, readonly name: string) {}

  /** A call to the file system. Throws what has a `code`. */
  get files(): Shell["system"]["files"] {
    return this.shell.system.files.bind(this.shell.system);
  }

  resolve(path: string): string {
    return this.shell.resolve(path);
  }

  /** Write to standard output: at the latest when input has to be waited for. Throws BrokenPipe when nobody reads it. */
  async print(data: string | Uint8Array): Promise<void> {
    if (data.length === 0) return;
    const bytes = typeof data === "string" ? bytesOf(data) : data;
    this.pending.push(bytes);
    this.size += bytes.length;
    if (this.size >= PART) await this.flush();
  }

  /** Write what was printed. */
  async flush(): Promise<void> {
    if (this.size === 0) return;
    const data = concat(this.pending);
    [this.pending, this.size] = [[], 0];
    this.flushes += 1;
    if (this.flushes % BREATH === 0) await this.breathe();
    await this.shell.print(1, data);
  }

  /** Say what is wrong, behind the utility's name. */
  async complain(what: string): Promise<void> {
    await this.say(`${this.name}: ${what}\n`);
  }

  /** Write to standard error. */
  async say(text: string): Promise<void> {
    await this.flush();
    await this.shell.print(2, text);
  }

  /** Let signals be heard, in what takes long and never waits. Throws Exit when one has ended this command. */
  async breathe(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.heed();
  }

  private heed(): void {
    const { killed } = this.shell.group;
    if (killed !== null) throw new Exit(128 + SIGNALS[killed]);
  }

  /** Wait. Throws Exit when a signal comes meanwhile. */
  async sleep(ms: number): Promise<void> {
    await this.flush();
    await this.shell.system.sleep(ms);
    this.heed();
  }

  /** Whether standard output is a pipe that nobody reads. */
  get unread(): boolean {
    const target = this.shell.state.descriptors.get(1);
    return target?.kind === "pipe" && target.pipe.abandoned;
  }

  /** The next bytes of a descriptor; a signal ends the wait for them. */
  private async read(target: Target | undefined): Promise<Uint8Array | null> {
    const { system } = this.shell;
    const answer = read(system, target);
    // The frequent case, that they are there, costs no timer.
    let state: "waiting" | "there" = "waiting";
    const settled = (): void => void (state = "there");
    answer.then(settled, settled);
    for (let turn = 0; turn < 4; turn += 1) await Promise.resolve();
    if (this.waiting(state)) await this.flush();
    while (this.waiting(state)) {
      await Promise.race([answer.then(settled, settled), system.sleep(WATCH_MS)]);
      if (this.shell.group.killed !== null && this.waiting(state)) void answer.then((data) => data !== null && giveBack(system, target, data), () => undefined);
      this.heed();
    }
    return answer;
  }

  private waiting(state: "waiting" | "there"): boolean {
    return state === "waiting";
  }

  stdin(name = "-"): Source {
    return this.descriptor(name, this.shell.state.descriptors.get(0));
  }

  private descriptor(name: string, target: Target | undefined): Source {
    return { name, next: () => this.read(target), back: (data) => giveBack(this.shell.system, target, data), close: () => undefined };
  }

  /** Open an operand: `-` is standard input. Throws what has a `code`. */
  open(name: string): Source {
    if (name === "-") return this.stdin();
    const path = this.resolve(name);
    const fd = path === "/dev/stdin" ? 0 : Number(/^\/dev\/fd\/(\d+)$/.exec(path)?.[1] ?? -1);
    if (fd >= 0) return this.descriptor(name, this.shell.state.descriptors.get(fd));
    return new FileSource(name, this, this.files("fs.open", path, "r", 0o666));
  }

  /** All bytes of an operand. Throws what has a `code`, and ToolError beyond what memory is for. */
  async bytes(name: string): Promise<Uint8Array> {
    const source = this.open(name);
    const parts: Uint8Array[] = [];
    let size = 0;
    try {
      for (let part = await source.next(); part !== null; part = await source.next()) {
        parts.push(part);
        size += part.length;
        if (size > WHOLE) throw new ToolError(`input of more than ${WHOLE >> 20} MiB is not supported by the local WebContainer engine`, 2);
      }
    } finally {
      source.close();
    }
    return concat(parts);
  }

  /** All text of an operand. */
  async text(name: string): Promise<string> {
    return textOf(await this.bytes(name));
  }

  /** Do something for each operand (standard input without any); what cannot be opened or read is said, and 1 the answer. */
  async each(names: readonly string[], body: (source: Source, at: number) => Promise<void>, told: (name: string, why: string, opened: boolean) => string = (name, why) => `${name}: ${why}`): Promise<number> {
    let code = 0;
    for (const [at, name] of (names.length === 0 ? ["-"] : names).entries()) {
      let source: Source | null = null;
      try {
        source = this.open(name);
        await body(source, at);
      } catch (error) {
        const why = reason(error);
        if (why === null || error instanceof ToolError) throw error;
        await this.complain(told(name, why, source !== null));
        code = 1;
      } finally {
        source?.close();
      }
    }
    return code;
  }
}

/** Lines of a source, as many at a time as have come. */
export class Lines {
  /** Whether the last line of the last batch had its end. */
  terminated = true;
  private rest: Uint8Array[] = [];

  constructor(private readonly source: Source, private readonly end = 10) {}

  /** Lines without their ends, null behind the last. */
  async next(): Promise<string[] | null> {
    for (;;) {
      const data = await this.source.next();
      if (data === null) return this.last();
      const at = data.lastIndexOf(this.end);
      if (at < 0) {
        this.rest.push(data);
        continue;
      }
      const whole = concat([...this.rest, data.subarray(0, at)]);
      this.rest = at + 1 < data.length ? [data.slice(at + 1)] : [];
      return textOf(whole).split(String.fromCharCode(this.end));
    }
  }

  private last(): string[] | null {
    if (this.rest.length === 0) return null;
    const whole = concat(this.rest);
    this.rest = [];
    this.terminated = false;
    return [textOf(whole)];
  }
}

/** Run a utility: what it throws as ToolError is said. */
export async function runTool(shell: Shell, name: string, tool: Tool, args: readonly string[]): Promise<number> {
  const io = new Io(shell, name);
  try {
    const code = await tool(io, args);
    await io.flush();
    return code;
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    const said = error.message.replaceAll("\0", name);
    if (said.startsWith("Usage:")) await io.say(`${said}\n`);
    else await io.complain(said);
    return error.code;
  }
}
