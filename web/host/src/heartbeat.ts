/** Asks an engine for a cheap answer again and again: a crashed one never says that it crashed. */

/** When an engine is asked, and what its silence means. All in milliseconds. */
export interface Rhythm {
  /** Between an answer and the next question. */
  every: number;
  /** Silence after which the engine counts as unresponsive. */
  missed: number;
  /** Silence after which it counts as dead. */
  dead: number;
}

/** Large files keep an engine busy for seconds; a dead one keeps silent. */
export const RHYTHM: Rhythm = { every: 2_000, missed: 5_000, dead: 60_000 };

/** What a heartbeat tells. Reasons are sentences. */
export interface HeartbeatListener {
  missed(reason: string): void;
  back(): void;
  dead(reason: string): void;
}

/** A running heartbeat. */
export class Heartbeat {
  #stopped = false;
  #late = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param ask the question; an answer that is an error is an answer, too */
  constructor(
    private readonly ask: () => Promise<unknown>,
    private readonly listener: HeartbeatListener,
    private readonly rhythm: Rhythm = RHYTHM,
  ) {
    this.#later(rhythm.every, () => void this.#beat());
  }

  /** Ask no more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #beat(): Promise<void> {
    const { missed, dead, every } = this.rhythm;
    this.#later(missed, () => {
      this.#late = true;
      this.listener.missed(`the engine has not answered for ${missed} ms`);
      this.#later(dead - missed, () => this.#die(dead));
    });
    await this.ask().catch(() => undefined);
    if (this.#stopped) return;
    if (this.#late) this.listener.back();
    this.#late = false;
    this.#later(every, () => void this.#beat());
  }

  #die(after: number): void {
    this.stop();
    this.listener.dead(`the engine has not answered for ${after} ms`);
  }

  /** One timer at a time: the newest. */
  #later(ms: number, what: () => void): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(what, ms);
  }
}
