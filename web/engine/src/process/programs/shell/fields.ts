/** How the expansion of words becomes fields: what is quoted stays whole, what an expansion gave is split. */

import { escapePattern } from "./patterns.ts";

/** One field while it grows: its text, and the pattern that it is when it is matched with files. */
export interface Field {
  text: string;
  pattern: string;
}

/** Fields of one word. */
export class Fields {
  readonly done: Field[] = [];
  private current: Field | null = null;

  /** `whole`: one text is wanted, as in an assignment. */
  constructor(private readonly ifs: string, readonly whole = false) {}

  /** Text in which nothing is special. Also the empty text makes a field. */
  quoted(text: string): void {
    const field = this.open();
    field.text += text;
    field.pattern += escapePattern(text);
  }

  /** A pattern as it was written. */
  pattern(pattern: string): void {
    const field = this.open();
    field.text += pattern;
    field.pattern += pattern;
  }

  /** What an unquoted expansion gave: split at the characters of IFS; its patterns count. */
  expanded(text: string): void {
    if (this.ifs === "") return text === "" ? undefined : this.pattern(text);
    let part = "";
    for (let at = 0; at < text.length; at += 1) {
      const char = text[at] ?? "";
      if (!this.ifs.includes(char)) {
        part += char;
        continue;
      }
      if (part !== "") this.pattern(part);
      part = "";
      at = this.separate(text, at);
    }
    if (part !== "") this.pattern(part);
  }

  /** White space separates once however much there is; every other separator counts, and makes empty fields. */
  private separate(text: string, start: number): number {
    let at = start;
    let hard = 0;
    while (at < text.length && this.ifs.includes(text[at] ?? "")) {
      const white = " \t\n".includes(text[at] ?? "");
      if (!white && hard === 1) break;
      if (!white) hard += 1;
      at += 1;
    }
    if (hard > 0) this.open();
    this.close();
    return at - 1;
  }

  /** End the current field, if there is one. */
  close(): void {
    if (this.current !== null) this.done.push(this.current);
    this.current = null;
  }

  /** All fields. */
  finish(): readonly Field[] {
    this.close();
    return this.done;
  }

  private open(): Field {
    this.current ??= { text: "", pattern: "" };
    return this.current;
  }
}
