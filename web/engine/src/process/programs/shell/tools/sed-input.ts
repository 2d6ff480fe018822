/** The lines that `sed` takes. */

import { bytesOf } from "../raw.ts";
import { reason } from "../redirect.ts";
import { Lines, type Io, type Source } from "./io.ts";

/** Lines of several files, with a look at whether one more comes. */
export class Input {
  private batch: string[] = [];
  private at = 0;
  private lines: Lines | null = null;
  private source: Source | null = null;
  /** Whether the line that was taken last had its end. */
  terminated = true;
  failed = false;

  constructor(private readonly io: Io, private readonly names: string[], private readonly end: number) {}

  /** The name of the file that the line is of. */
  name = "-";

  private async fill(): Promise<boolean> {
    while (this.at >= this.batch.length) {
      if (this.lines === null && !(await this.open())) return false;
      const next = await this.read();
      if (next === null) {
        this.source?.close();
        [this.lines, this.source] = [null, null];
      } else [this.batch, this.at] = [next, 0];
    }
    return true;
  }

  private async open(): Promise<boolean> {
    for (let name = this.names.shift(); name !== undefined; name = this.names.shift()) {
      try {
        if (name !== "-" && this.io.files("fs.kinds", [this.io.resolve(name)])[0] === 2) throw Object.assign(new Error(), { code: "EISDIR" });
        this.source = this.io.open(name);
        this.name = name;
        this.lines = new Lines(this.source, this.end);
        return true;
      } catch (error) {
        await this.tell(name, error);
      }
    }
    return false;
  }

  private async tell(name: string, error: unknown): Promise<void> {
    const why = reason(error);
    if (why === null) throw error;
    this.failed = true;
    await this.io.complain((error as { code: string }).code === "EISDIR" ? `read error on ${name}: Is a directory` : `can't read ${name}: ${why}`);
  }

  private async read(): Promise<string[] | null> {
    return (await this.lines?.next()) ?? null;
  }

  async next(): Promise<string | null> {
    if (!(await this.fill())) return null;
    const line = this.batch[this.at] ?? "";
    this.at += 1;
    this.terminated = this.at < this.batch.length || (this.lines?.terminated ?? true);
    return line;
  }

  async isLast(): Promise<boolean> {
    return !(await this.fill());
  }

  /** What lies here unread goes back, so that who reads the stream next gets it. */
  close(): void {
    if (this.source !== null && this.at < this.batch.length) {
      const end = String.fromCharCode(this.end);
      this.source.back(bytesOf(this.batch.slice(this.at).join(end) + (this.lines?.terminated === false ? "" : end)));
    }
    this.source?.close();
  }
}
