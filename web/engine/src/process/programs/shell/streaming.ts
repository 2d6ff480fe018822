/** Utilities that hand on what they get as it comes: in `npm test | tee log`, in `node server.js | head -1`. */

import type { Shell } from "./shell.ts";
import { giveBack, read } from "./streams.ts";
import { reason } from "./redirect.ts";

/** A utility of that kind; undefined when its options are for just-bash's. */
type Streaming = (shell: Shell, args: readonly string[]) => Promise<number | undefined>;

const cat: Streaming = async (shell, args) => {
  if (args.length > 0) return undefined;
  return pass(shell, () => true);
};

const tee: Streaming = async (shell, args) => {
  const append = args[0] === "-a";
  const names = append ? args.slice(1) : args;
  if (names.some((name) => name.startsWith("-"))) return undefined;
  const files: number[] = [];
  let code = 0;
  for (const name of names) {
    try {
      files.push(shell.system.files("fs.open", shell.resolve(name), append ? "a" : "w", 0o666));
    } catch (error) {
      await shell.print(2, `tee: ${name}: ${reason(error) ?? String(error)}\n`);
      code = 1;
    }
  }
  await pass(shell, (data) => {
    for (const file of files) shell.system.files("fs.write", file, data, null);
    return true;
  });
  for (const file of files) shell.system.files("fs.close", file);
  return code;
};

/** `head -c N [FILE]`, in pieces: an endless device is read as far as is asked for, and no further. */
const headBytes: Streaming = async (shell, args) => {
  const [count, name] = args[0] === "-c" ? args.slice(1) : [args[0]?.slice(2), args[1]];
  if (count === undefined || !/^\d+$/.test(count) || args.length > (args[0] === "-c" ? 3 : 2)) return undefined;
  let left = Number(count);
  const source = shell.state.descriptors.get(0);
  let file: number | null = null;
  try {
    file = name === undefined || name === "-" ? null : shell.system.files("fs.open", shell.resolve(name), "r", 0o666);
    while (left > 0) {
      const data = file === null ? await read(shell.system, source) : shell.system.files("fs.read", file, Math.min(left, 1 << 16), null);
      if (data === null || data.length === 0) break;
      await shell.print(1, data.slice(0, left));
      if (data.length > left) giveBack(shell.system, source, data.slice(left));
      left -= Math.min(left, data.length);
    }
  } catch (error) {
    const why = reason(error);
    if (why === null || name === undefined) throw error;
    await shell.print(2, `head: cannot open '${name}' for reading: ${why}\n`);
    return 1;
  } finally {
    if (file !== null) shell.system.files("fs.close", file);
  }
  return 0;
};

const head: Streaming = async (shell, args) => {
  if (args[0]?.startsWith("-c") === true) return headBytes(shell, args);
  const count = /^(?:-n\s*|-)(\d+)$/.exec(args.join(""))?.[1] ?? (args.length === 0 ? "10" : undefined);
  if (count === undefined) return undefined;
  let lines = Number(count);
  const source = shell.state.descriptors.get(0);
  while (lines > 0) {
    const data = await read(shell.system, source);
    if (data === null) return 0;
    let end = 0;
    while (lines > 0 && end < data.length) {
      const found = data.indexOf(10, end);
      end = found < 0 ? data.length : found + 1;
      if (found >= 0) lines -= 1;
    }
    await shell.print(1, data.slice(0, end));
    if (end < data.length) giveBack(shell.system, source, data.slice(end));
  }
  return 0;
};

async function pass(shell: Shell, also: (data: Uint8Array) => boolean): Promise<number> {
  for (let data = await read(shell.system, shell.state.descriptors.get(0)); data !== null; data = await read(shell.system, shell.state.descriptors.get(0))) {
    also(data);
    await shell.print(1, data);
  }
  return 0;
}

export const STREAMING: Readonly<Record<string, Streaming>> = { cat, tee, head };
