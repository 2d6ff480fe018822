/** What the writer and the reader of V8's format of values share. */

export type View = ArrayBufferView;
type ViewClass = new (buffer: ArrayBuffer, offset: number, length: number) => View;

/** Classes of views by the numbers that Node gives them; 10 stands for `Buffer`. */
export const VIEWS: readonly (ViewClass | undefined)[] = [
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array, DataView,
  undefined, BigInt64Array, BigUint64Array,
];

/** Letters of the errors of the language; `Error` itself has none. */
export const ERROR_TAGS: ReadonlyMap<string, string> = new Map([
  ["EvalError", "E"], ["RangeError", "R"], ["ReferenceError", "F"], ["SyntaxError", "S"], ["TypeError", "T"], ["URIError", "U"],
]);

/** Bits of a regular expression's flags. */
export const FLAGS: Readonly<Record<string, number>> = { g: 1, i: 2, m: 4, y: 8, u: 16, s: 32, d: 128, v: 256 };
