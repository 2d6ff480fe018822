/** One process of a container: its output in order before its exit, its input in the form that its engine reads. */
import type { WebContainerProcess } from "@webcontainer/api";

/**
 * Milliseconds of silence after which the output of an ended process counts as at its end. Exit codes and output come by
 * different ports, so the end of the output is waited for; a background process that holds it open must not hold up the
 * exit, nor one that goes on talking for more than so many such times.
 */
const DRAIN = 400;
const MOST = 25;

const encoder = new TextEncoder();

/** What a started process tells. */
export interface ProcessListener {
  output(data: string): void;
  exit(code: number): void;
  /** The engine died with the process: there is no exit code. */
  lost(reason: unknown): void;
}

/** A process that was started. */
export class HostProcess {
  readonly #writer: WritableStreamDefaultWriter<string>;
  /** Pieces of output so far. */
  #heard = 0;

  /** @param framed whether the engine reads framed input, which can end; other input never does */
  constructor(
    private readonly genuine: WebContainerProcess,
    private readonly framed: boolean,
    listener: ProcessListener,
  ) {
    this.#writer = genuine.input.getWriter();
    void this.#follow(listener);
  }

  /** Give the process input. Text is passed on as it is, in UTF-8. */
  async write(text: string): Promise<void> {
    await this.#writer.write(this.#piece(text));
  }

  /** Give the process all of its input and the end of it, at once. One that ended before it has read is no failure. */
  async feed(text: string): Promise<void> {
    try {
      await this.#writer.write((text === "" ? "" : this.#piece(text)) + this.#end);
    } catch {
      // Its exit says more.
    }
  }

  /** End the input. Without framed input the process gets the end-of-transmission character, as a terminal sends it. */
  async endInput(): Promise<void> {
    await this.#writer.write(this.#end);
  }

  /** Kill it. No signal can be chosen. */
  kill(): void {
    this.genuine.kill();
  }

  /** Tell it the new size of its terminal, in characters. */
  resize(cols: number, rows: number): void {
    this.genuine.resize({ cols, rows });
  }

  #piece(text: string): string {
    return this.framed ? `D${encoder.encode(text).length}:${text}` : text;
  }

  get #end(): string {
    return this.framed ? "E" : "\u0004";
  }

  async #follow(listener: ProcessListener): Promise<void> {
    const drained = this.#drain(listener);
    try {
      const code = await this.genuine.exit;
      await this.#quiet(drained);
      listener.exit(code);
    } catch (error) {
      listener.lost(error);
    }
  }

  /** Resolves at the end of the output, or when nothing more comes of it. */
  async #quiet(drained: Promise<void>): Promise<void> {
    const over = drained.then(() => true);
    for (let round = 0; round < MOST; round += 1) {
      const before = this.#heard;
      const silence = new Promise<boolean>((resolve) => setTimeout(() => resolve(this.#heard === before), DRAIN));
      if (await Promise.race([over, silence])) return;
    }
  }

  async #drain(listener: ProcessListener): Promise<void> {
    const reader = this.genuine.output.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.#heard += 1;
      listener.output(value);
    }
  }
}
