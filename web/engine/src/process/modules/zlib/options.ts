/** Options of zlib's functions and classes, checked as Node checks them. */

import { invalidArgType, outOfRange } from "../errors.ts";
import type { Kind, Settings } from "./codec.ts";

/** What is beside the codec's own settings. */
export interface Choices extends Settings {
  readonly flush: number;
  readonly finishFlush: number;
  readonly maxOutputLength: number;
  readonly info: boolean;
}

function number(options: Readonly<Record<string, unknown>>, name: string, range: readonly [number, number], preset: number): number {
  const value = options[name];
  if (value === undefined || (typeof value === "number" && Number.isNaN(value))) return preset;
  if (typeof value !== "number") throw invalidArgType(`options.${name}`, "number", value);
  const [min, max] = range;
  if (!Number.isFinite(value)) throw outOfRange(`options.${name}`, "a finite number", value);
  if (value < min || value > max) throw outOfRange(`options.${name}`, max === Number.POSITIVE_INFINITY ? `>= ${min}` : `>= ${min} and <= ${max}`, value);
  return value;
}

const isBytes = (value: unknown): value is ArrayBufferView | ArrayBuffer => ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

/** Bytes of anything that zlib takes. */
export function bytesOf(value: unknown, name = "buffer"): Uint8Array {
  if (typeof value === "string") return new TextEncoder().encode(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw invalidArgType(name, ["string", "Buffer", "TypedArray", "DataView", "ArrayBuffer"], value);
}

/** The settings of a codec from the options of a program. */
export function choicesOf(value: unknown, kind: Kind): Choices {
  const options = (value ?? {}) as Readonly<Record<string, unknown>>;
  const dictionary = options.dictionary;
  if (dictionary !== undefined && !isBytes(dictionary)) throw invalidArgType("options.dictionary", ["Buffer", "TypedArray", "DataView", "ArrayBuffer"], dictionary);
  const unpacks = kind === "Inflate" || kind === "Gunzip" || kind === "Unzip";
  const zeroBits = unpacks && (options.windowBits === undefined || options.windowBits === null || options.windowBits === 0);
  return {
    chunkSize: number(options, "chunkSize", [64, Number.POSITIVE_INFINITY], 16 * 1024),
    flush: number(options, "flush", [0, 5], 0),
    finishFlush: number(options, "finishFlush", [0, 5], 4),
    maxOutputLength: number(options, "maxOutputLength", [1, 4294967296], 4294967296),
    windowBits: zeroBits ? 15 : number(options, "windowBits", [kind === "Gzip" ? 9 : 8, 15], 15),
    level: number(options, "level", [-1, 9], -1),
    memLevel: number(options, "memLevel", [1, 9], 8),
    strategy: number(options, "strategy", [0, 4], 0),
    dictionary: dictionary === undefined ? undefined : bytesOf(dictionary),
    info: options.info === true,
  };
}
