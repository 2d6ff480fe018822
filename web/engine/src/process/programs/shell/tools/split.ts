/** `split`: a file in pieces. */

import { UNITS } from "./ends.ts";
import type { Io, Source, Tool } from "./io.ts";
import { parse, ToolError, type Options } from "./options.ts";

const SPEC = "a: b: d l: !C !e !n !t !u !x suffix-length=a: bytes=b: numeric-suffixes=d? lines=l: additional-suffix: verbose !line-bytes !elide-empty-files !number !separator !unbuffered !hex-suffixes !filter";
const LINES = "1000";
/** How many parts of the input are cut before signals are given a chance. */
const BREATH = 64;

const wrong = (what: string): ToolError => new ToolError(`${what}\nTry '\0 --help' for more information.`);

/** The names of the pieces. Throws ToolError when there are no more. */
function* names(prefix: string, options: Options): Generator<string, never> {
  const ending = options.get("additional-suffix") ?? "";
  if (ending.includes("/")) throw wrong(`invalid suffix ‘${ending}’, contains directory separator`);
  const digits = options.has("d") ? "0123456789" : "abcdefghijklmnopqrstuvwxyz";
  const last = digits.at(-1) ?? "";
  const asked = options.get("a") ?? "0";
  const start = options.get("d") ?? "";
  for (const [what, text] of [["suffix length", asked], ["number", start === "" ? "0" : start]]) if (!/^\d+$/.test(text ?? "")) throw new ToolError(`invalid ${what ?? ""}: ‘${text ?? ""}’`);
  const grows = Number(asked) === 0 && start === "";
  let length = Number(asked) === 0 ? 2 : Number(asked);
  if (start.length > length) throw new ToolError("numerical suffix start value is too large for the suffix length");
  // Without a length of their own, names with the last letter in front are longer: `yz`, `zaaa`.
  for (let lead = ""; ; lead += last) {
    const count = digits.length ** (length - 1) * (digits.length - (grows ? 1 : 0));
    for (let value = Number(start); value < count; value += 1) yield `${prefix}${lead}${written(value, digits, length)}${ending}`;
    if (!grows) throw new ToolError("output file suffixes exhausted");
    length += 1;
  }
}

function written(value: number, digits: string, length: number): string {
  let text = "";
  for (let left = value; text.length < length; left = Math.floor(left / digits.length)) text = digits.charAt(left % digits.length) + text;
  return text;
}

/** How much a piece is. */
interface Size {
  readonly count: number;
  readonly bytes: boolean;
}

function sizeOf(options: Options): Size {
  const ways = options.given.filter(([key]) => key === "b" || key === "l" || key === "number");
  if (ways.length > 1) throw wrong("cannot split in more than one way");
  const [key, text] = ways[0] ?? ["l", LINES];
  const found = /^(\d+)([A-Za-z]*)$/.exec(text);
  const unit = found?.[2] === "" ? 1 : key === "b" ? UNITS[found?.[2] ?? ""] : undefined;
  const told = `invalid number of ${key === "b" ? "bytes" : "lines"}: ‘${text}’`;
  if (found === null || unit === undefined) throw new ToolError(told);
  const count = Number(found[1]) * unit;
  if (count === 0) throw new ToolError(`${told}: Numerical result out of range`);
  return { count, bytes: key === "b" };
}

/** The piece that is being written. */
class Piece {
  private fd = -1;

  constructor(private readonly io: Io, private readonly input: string, private readonly next: Iterator<string, never>, private readonly verbose: boolean) {}

  async write(data: Uint8Array): Promise<void> {
    if (this.fd < 0) await this.open();
    this.io.files("fs.write", this.fd, data, null);
  }

  private async open(): Promise<void> {
    const name = this.next.next().value;
    const path = this.io.resolve(name);
    if (this.input !== "-" && path === this.io.resolve(this.input)) throw new ToolError(`‘${name}’ would overwrite input; aborting`);
    if (this.verbose) await this.io.print(`creating file '${name}'\n`);
    this.fd = this.io.files("fs.open", path, "w", 0o666 & ~this.io.shell.state.umask);
  }

  end(): void {
    if (this.fd >= 0) this.io.files("fs.close", this.fd);
    this.fd = -1;
  }
}

async function cut(io: Io, source: Source, { count, bytes }: Size, piece: Piece): Promise<void> {
  let left = count;
  let parts = 0;
  for (let data = await source.next(); data !== null; data = await source.next()) {
    for (let at = 0; at < data.length; ) {
      let to = Math.min(data.length, at + left);
      if (!bytes) for (to = at; left > 0 && to < data.length; left -= data[to - 1] === 10 ? 1 : 0) to = (data.indexOf(10, to) + 1) || data.length;
      else left -= to - at;
      await piece.write(data.subarray(at, to));
      at = to;
      if (left > 0) continue;
      piece.end();
      left = count;
    }
    parts += 1;
    if (parts % BREATH === 0) await io.breathe();
  }
}

export const split: Tool = async (io, args) => {
  const options = parse(args, SPEC, { numbers: true });
  const size = sizeOf(options);
  const [input = "-", prefix = "x", extra] = options.operands;
  if (extra !== undefined) throw wrong(`extra operand ‘${extra}’`);
  const piece = new Piece(io, input, names(prefix, options), options.has("verbose"));
  try {
    return await io.each([input], (source) => cut(io, source, size, piece), (name, why, opened) => (opened ? `${name}: ${why}` : `cannot open '${name}' for reading: ${why}`));
  } finally {
    piece.end();
  }
};
