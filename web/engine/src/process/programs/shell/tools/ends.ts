/** `head` and `tail`. */

import { reason } from "../redirect.ts";
import { concat } from "../streams.ts";
import type { Io, Source, Tool } from "./io.ts";
import { parse, ToolError, type Options } from "./options.ts";

const SPEC = "c: n: q v z bytes=c: lines=n: quiet=q silent=q verbose=v zero-terminated=z";
/** What a letter behind a number of bytes makes of it. */
export const UNITS: Readonly<Record<string, number>> = { b: 512, kB: 1000, K: 1024, k: 1024, KiB: 1024, MB: 1e6, M: 1 << 20, m: 1 << 20, MiB: 1 << 20, GB: 1e9, G: 1 << 30, GiB: 1 << 30 };

interface Amount {
  readonly bytes: boolean;
  /** `-` of head: all but the last; `+` of tail: from there on. */
  readonly sign: string;
  readonly count: number;
  readonly end: number;
}

function amount(options: Options): Amount {
  const last = options.given.findLast(([name]) => name === "c" || name === "n" || name === "number");
  const text = last?.[1] ?? "10";
  const bytes = last?.[0] === "c";
  const found = /^([-+]?)(\d+)([A-Za-z]*)$/.exec(text);
  const unit = found?.[3] === "" ? 1 : UNITS[found?.[3] ?? ""];
  if (found === null || unit === undefined) throw new ToolError(`invalid number of ${bytes ? "bytes" : "lines"}: ‘${text}’`);
  return { bytes, sign: found[1] ?? "", count: Number(found[2]) * unit, end: options.has("z") ? 0 : 10 };
}

/** The title above each of several files. */
async function title(io: Io, options: Options, name: string, first: boolean): Promise<void> {
  if (options.last("qv") === "q" || (options.operands.length < 2 && !options.has("v"))) return;
  await io.print(`${first ? "" : "\n"}==> ${name === "-" ? "standard input" : name} <==\n`);
}

export const head: Tool = async (io, args) => {
  const options = parse(args, SPEC, { numbers: true });
  const wanted = amount(options);
  let first = true;
  return io.each(options.operands, async (source) => {
    await title(io, options, source.name, first);
    first = false;
    if (wanted.sign === "-") return allBut(io, source, wanted);
    return wanted.bytes ? firstBytes(io, source, wanted.count) : firstLines(io, source, wanted);
  }, (name, why, opened) => (opened ? `error reading '${name}': ${why}` : `cannot open '${name}' for reading: ${why}`));
};

async function firstBytes(io: Io, source: Source, count: number): Promise<void> {
  for (let left = count; left > 0; ) {
    const data = await source.next();
    if (data === null) return;
    await io.print(data.slice(0, left));
    if (data.length > left) source.back(data.slice(left));
    left -= data.length;
  }
}

async function firstLines(io: Io, source: Source, { count, end }: Amount): Promise<void> {
  for (let lines = count; lines > 0; ) {
    const data = await source.next();
    if (data === null) return;
    let to = 0;
    while (lines > 0 && to < data.length) {
      const found = data.indexOf(end, to);
      to = found < 0 ? data.length : found + 1;
      if (found >= 0) lines -= 1;
    }
    await io.print(data.slice(0, to));
    if (to < data.length) source.back(data.slice(to));
  }
}

/** All but the last lines or bytes: as much is held back. */
async function allBut(io: Io, source: Source, wanted: Amount): Promise<void> {
  let held: Uint8Array = new Uint8Array(0);
  for (let data = await source.next(); data !== null; data = await source.next()) {
    held = concat([held, data]);
    const cut = startOfLast(held, wanted);
    await io.print(held.slice(0, cut));
    held = held.slice(cut);
  }
}

/** Where the last lines or bytes of some begin. */
function startOfLast(data: Uint8Array, { bytes, count, end }: Amount): number {
  if (bytes) return Math.max(0, data.length - count);
  if (count === 0) return data.length;
  let at = data.length;
  // The end of the last line is no line of its own.
  if (data[at - 1] === end) at -= 1;
  for (let lines = 0; lines < count; lines += 1) {
    at = at <= 0 ? -1 : data.lastIndexOf(end, at - 1);
    if (at < 0) return 0;
  }
  return at + 1;
}

const FOLLOW = "F f=follow follow? s: !pid retry sleep-interval=s: !max-unchanged-stats";

export const tail: Tool = async (io, args) => {
  const options = parse(args.map((arg, at) => (at === 0 && /^\+\d+$/.test(arg) ? `-n${arg}` : arg)), `${SPEC} ${FOLLOW}`, { numbers: true });
  const wanted = amount(options);
  const follow = options.has("follow") || options.has("F");
  let first = true;
  const sizes = new Map<string, number>();
  const code = await io.each(options.operands, async (source) => {
    await title(io, options, source.name, first);
    first = false;
    const seen = wanted.sign === "+" ? await from(io, source, wanted) : await last(io, source, wanted, follow);
    sizes.set(source.name, seen);
  }, (name, why, opened) => (opened ? `error reading '${name}': ${why}` : `cannot open '${name}' for reading: ${why}`));
  if (follow && options.operands.some((name) => name !== "-")) await watch(io, options, sizes);
  return code;
};

/** From a line or byte on; the answer is how many bytes there are. */
async function from(io: Io, source: Source, { bytes, count, end }: Amount): Promise<number> {
  let left = Math.max(0, count - 1);
  let seen = 0;
  for (let data = await source.next(); data !== null; data = await source.next()) {
    seen += data.length;
    let at = 0;
    if (bytes) {
      at = Math.min(left, data.length);
      left -= at;
    } else {
      while (left > 0 && at < data.length) {
        const found = data.indexOf(end, at);
        at = found < 0 ? data.length : found + 1;
        if (found >= 0) left -= 1;
      }
    }
    await io.print(data.slice(at));
  }
  return seen;
}

/** The last lines or bytes; no more is kept than they need. */
async function last(io: Io, source: Source, wanted: Amount, follow: boolean): Promise<number> {
  let kept: Uint8Array[] = [];
  let size = 0;
  let seen = 0;
  for (let data = await source.next(); data !== null; data = await source.next()) {
    kept.push(data);
    size += data.length;
    seen += data.length;
    if (size < 1 << 20) continue;
    const all = concat(kept);
    kept = [all.slice(startOfLast(all, wanted))];
    // A last part that is itself long is not searched again for each piece.
    size = Math.min(kept[0]?.length ?? 0, 1 << 19);
    if (seen % (1 << 24) < data.length) await io.breathe();
  }
  if (follow && source.name === "-") seen = 0;
  const all = concat(kept);
  await io.print(all.slice(startOfLast(all, wanted)));
  return seen;
}

/** Go on with what is appended to files, until a signal, or until nobody reads. */
async function watch(io: Io, options: Options, sizes: Map<string, number>): Promise<void> {
  const pause = Number(options.get("s") ?? 0.1) * 1000;
  let shown = options.operands.at(-1);
  while (!io.unread) {
    await io.sleep(Math.min(pause, 1000));
    for (const name of options.operands) {
      const added = await addition(io, name, sizes);
      if (added.length === 0) continue;
      if (shown !== name) await title(io, options, name, false);
      shown = name;
      await io.print(added);
    }
  }
}

async function addition(io: Io, name: string, sizes: Map<string, number>): Promise<Uint8Array> {
  let size: number;
  try {
    ({ size } = io.files("fs.stat", io.resolve(name)));
  } catch (error) {
    if (reason(error) === null) throw error;
    sizes.set(name, 0);
    return new Uint8Array(0);
  }
  const before = sizes.get(name) ?? 0;
  if (size === before) return new Uint8Array(0);
  if (size < before) await io.complain(`${name}: file truncated`);
  sizes.set(name, size);
  const fd = io.files("fs.open", io.resolve(name), "r", 0o666);
  try {
    return size < before ? io.files("fs.read", fd, size, 0) : io.files("fs.read", fd, size - before, before);
  } finally {
    io.files("fs.close", fd);
  }
}
