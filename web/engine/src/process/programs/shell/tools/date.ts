/** `date`. */

import type { Tool } from "./io.ts";
import { reason } from "../redirect.ts";
import { parse, refusal, ToolError, type Options } from "./options.ts";
import { Clock, formatTime, readTime, zoneOf } from "./times.ts";

const ISO: Readonly<Record<string, string>> = { date: "%Y-%m-%d", hours: "%Y-%m-%dT%H%:z", minutes: "%Y-%m-%dT%H:%M%:z", seconds: "%Y-%m-%dT%H:%M:%S%:z", ns: "%Y-%m-%dT%H:%M:%S,%N%:z" };
const RFC: Readonly<Record<string, string>> = { date: "%Y-%m-%d", seconds: "%Y-%m-%d %H:%M:%S%:z", ns: "%Y-%m-%d %H:%M:%S.%N%:z" };

function chosen(table: Readonly<Record<string, string>>, name: string): string {
  const found = Object.keys(table).find((key) => key.startsWith(name) && name !== "");
  if (found === undefined) throw new ToolError(`invalid argument ‘${name}’`);
  return table[found] ?? "";
}

function formatOf(options: Options): string {
  const [operand] = options.operands;
  if (operand !== undefined) {
    if (!operand.startsWith("+")) throw /^\d+(\.\d+)?$/.test(operand) ? refusal("setting the date") : new ToolError(`invalid date ‘${operand}’`);
    return operand.slice(1);
  }
  const iso = options.get("I");
  if (iso !== undefined) return chosen(ISO, iso === "" ? "date" : iso);
  const rfc = options.get("rfc-3339");
  if (rfc !== undefined) return chosen(RFC, rfc);
  return options.has("R") ? "%a, %d %b %Y %H:%M:%S %z" : "%a %b %e %H:%M:%S %Z %Y";
}

export const date: Tool = async (io, args) => {
  const options = parse(args, "d: f: I? R r: u date=d: file=f: iso-8601=I? rfc-email=R rfc-2822=R rfc-3339: reference=r: utc=u universal=u !s !set !debug !resolution");
  const [, extra] = options.operands;
  if (extra !== undefined) throw new ToolError(`extra operand ‘${extra}’\nTry '\0 --help' for more information.`);
  const zone = options.has("u") ? "UTC" : zoneOf(io.shell.state.get("TZ"));
  const format = formatOf(options);
  const show = (ms: number): Promise<void> => io.print(`${formatTime(format, new Clock(ms, zone))}\n`);
  const now = Date.now();
  const file = options.get("f");
  if (file !== undefined) {
    for (const line of (await io.text(file)).replace(/\n$/, "").split("\n")) await show(readTime(line, now, zone));
    return 0;
  }
  const reference = options.get("r");
  if (reference !== undefined) {
    try {
      await show(io.files("fs.stat", io.resolve(reference)).mtimeMs);
      return 0;
    } catch (error) {
      throw new ToolError(`${reference}: ${reason(error) ?? String(error)}`);
    }
  }
  const text = options.get("d");
  await show(text === undefined ? now : readTime(text, now, zone));
  return 0;
};
