/** `cat`, `tee`, `yes`, `rev`, `tac`: what hands on what it gets. */

import { bytesOf } from "../raw.ts";
import { reason } from "../redirect.ts";
import { Lines, type Tool } from "./io.ts";
import { parse, type Options } from "./options.ts";
import { textOf } from "./text.ts";

const CAT = "A b e E n s t T u v show-all=A number-nonblank=b show-ends=E number=n squeeze-blank=s show-tabs=T show-nonprinting=v";

interface Marks {
  readonly number: "" | "all" | "full";
  readonly squeeze: boolean;
  readonly ends: boolean;
  readonly tabs: boolean;
  readonly controls: boolean;
}

function marks(options: Options): Marks {
  const any = (keys: string): boolean => options.last(keys) !== undefined;
  return { number: options.has("b") ? "full" : options.has("n") ? "all" : "", squeeze: options.has("s"), ends: any("AEe"), tabs: any("ATt"), controls: any("Avet") };
}

export const cat: Tool = async (io, args) => {
  const options = parse(args, CAT);
  const wanted = marks(options);
  const plain = wanted.number === "" && !wanted.squeeze && !wanted.ends && !wanted.tabs && !wanted.controls;
  const state: Numbering = { line: 0, blank: 0, start: true };
  return io.each(options.operands, async (source) => {
    for (let data = await source.next(); data !== null; data = await source.next()) await io.print(plain ? data : marked(data, wanted, state));
  });
};

interface Numbering {
  line: number;
  blank: number;
  start: boolean;
}

function marked(data: Uint8Array, wanted: Marks, state: Numbering): string {
  let shown = "";
  for (const [line] of textOf(data).matchAll(/[^\n]*\n|[^\n]+$/g)) {
    const blank = line === "\n" && state.start;
    state.blank = blank ? state.blank + 1 : 0;
    if (wanted.squeeze && state.blank > 1) continue;
    if (state.start && (wanted.number === "all" || (wanted.number === "full" && !blank))) shown += `${String(++state.line).padStart(6)}\t`;
    state.start = line.endsWith("\n");
    const body = state.start ? line.slice(0, -1) : line;
    shown += visible(body, wanted) + (state.start ? (wanted.ends ? "$\n" : "\n") : "");
  }
  return shown;
}

function visible(text: string, wanted: Marks): string {
  let shown = text;
  if (wanted.controls) shown = Array.from(bytesOf(text), (byte) => (byte === 9 ? "\t" : caret(byte))).join("");
  return wanted.tabs ? shown.replaceAll("\t", "^I") : shown;
}

function caret(byte: number): string {
  if (byte >= 128) return `M-${caret(byte - 128)}`;
  if (byte === 127) return "^?";
  return byte < 32 ? `^${String.fromCharCode(byte + 64)}` : String.fromCharCode(byte);
}

export const tee: Tool = async (io, args) => {
  const options = parse(args, "a i !p append=a ignore-interrupts=i !output-error");
  const files: number[] = [];
  let code = 0;
  for (const name of options.operands) {
    try {
      files.push(io.files("fs.open", io.resolve(name), options.has("a") ? "a" : "w", 0o666 & ~io.shell.state.umask));
    } catch (error) {
      await io.complain(`${name}: ${reason(error) ?? String(error)}`);
      code = 1;
    }
  }
  try {
    const source = io.stdin();
    for (let data = await source.next(); data !== null; data = await source.next()) {
      for (const file of files) io.files("fs.write", file, data, null);
      await io.print(data);
    }
  } finally {
    for (const file of files) io.files("fs.close", file);
  }
  return code;
};

export const yes: Tool = async (io, args) => {
  const line = `${args.length === 0 ? "y" : args.join(" ")}\n`;
  const block = bytesOf(line.repeat(Math.max(1, Math.floor(8192 / line.length))));
  for (;;) await io.print(block);
};

export const rev: Tool = async (io, args) => {
  const options = parse(args, "0 zero=0");
  return io.each(options.operands, async (source) => {
    const lines = new Lines(source, options.has("0") ? 0 : 10);
    for (let batch = await lines.next(); batch !== null; batch = await lines.next()) {
      const text = batch.map((line) => Array.from(line).reverse().join("")).join("\n");
      await io.print(lines.terminated ? `${text}\n` : text);
    }
  }, (name, why, opened) => (opened ? `${name}: ${why}` : `cannot open ${name}: ${why}`));
};

export const tac: Tool = async (io, args) => {
  const options = parse(args, "!b !r s: !before !regex separator=s:");
  const end = options.get("s") ?? "\n";
  return io.each(options.operands, async (source) => {
    const text = await io.text(source.name);
    const pieces = text.split(end);
    const last = pieces.pop() ?? "";
    const shown = pieces.reverse().map((piece) => piece + end).join("");
    await io.print(last + shown);
  }, (name, why, opened) => (opened ? `${name}: read error: ${why}` : `failed to open '${name}' for reading: ${why}`));
};
