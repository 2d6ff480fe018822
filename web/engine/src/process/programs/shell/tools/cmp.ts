/** `cmp`. */

import { reason } from "../redirect.ts";
import type { Io, Tool } from "./io.ts";
import { parse, refusal, ToolError, type Options } from "./options.ts";

export const cmp: Tool = async (io, args) => {
  const options = parse(args, "b i: l n: s print-bytes=b ignore-initial=i: verbose=l bytes=n: quiet=s silent=s", { code: 2, hint: "\0: " });
  if (options.has("b")) throw refusal("option -b", 2);
  const [one, other = "-", skipOne, skipOther] = options.operands;
  if (one === undefined) throw new ToolError("missing operand after 'cmp'\n\0: Try '\0 --help' for more information.", 2);
  const [first = "0", second = first] = (options.get("i") ?? "").split(":").filter((part) => part !== "");
  const left = await part(io, options, one, Number(skipOne ?? first));
  const right = left === null ? null : await part(io, options, other, Number(skipOther ?? second));
  if (left === null || right === null) return 2;
  return compared(io, options, [{ name: one, data: left }, { name: other, data: right }]);
};

/** What is to be compared of a file; null when it cannot be read, which is said. */
async function part(io: Io, options: Options, name: string, skip: number): Promise<Uint8Array | null> {
  try {
    const data = (await io.bytes(name)).slice(skip);
    return options.has("n") ? data.slice(0, Number(options.get("n"))) : data;
  } catch (error) {
    const why = error instanceof ToolError ? null : reason(error);
    if (why === null) throw error;
    if (!options.has("s")) await io.complain(`${name}: ${why}`);
    return null;
  }
}

interface Side {
  readonly name: string;
  readonly data: Uint8Array;
}

async function compared(io: Io, options: Options, [one, other]: readonly [Side, Side]): Promise<number> {
  const size = Math.min(one.data.length, other.data.length);
  const width = String(Math.max(one.data.length, other.data.length)).length;
  const octal = (byte: number | undefined): string => (byte ?? 0).toString(8).padStart(3);
  let [line, differs] = [1, false];
  for (let at = 0; at < size; at += 1) {
    if (one.data[at] !== other.data[at]) {
      differs = true;
      if (options.has("s")) return 1;
      await io.print(options.has("l") ? `${String(at + 1).padStart(width)} ${octal(one.data[at])} ${octal(other.data[at])}\n` : `${one.name} ${other.name} differ: byte ${at + 1}, line ${line}\n`);
      if (!options.has("l")) return 1;
    }
    if (one.data[at] === 10) line += 1;
  }
  if (one.data.length === other.data.length) return differs ? 1 : 0;
  const short = one.data.length < other.data.length ? one : other;
  if (!options.has("s")) await io.complain(`EOF on ${short.name} ${where(short.data, line, options.has("l"))}`);
  return 1;
}

/** Where the shorter file ended. */
function where(data: Uint8Array, line: number, verbose: boolean): string {
  if (data.length === 0) return "which is empty";
  if (verbose) return `after byte ${data.length}`;
  return data.at(-1) === 10 ? `after byte ${data.length}, line ${line - 1}` : `after byte ${data.length}, in line ${line}`;
}
