/** One compression or decompression under way, over the kept package `pako`, which is zlib in JavaScript. */

import {
  zlibDeflate, zlibDeflateInit2, zlibDeflateReset, zlibDeflateSetDictionary, zlibInflate, zlibInflateInit2, zlibInflateReset, zlibInflateSetDictionary,
  ZStream, type Z_FlushMode, type Z_Strategy,
} from "pako";
import { codes } from "./constants.ts";

/** The kinds of codecs by Node's names of their classes. */
export type Kind = "Deflate" | "Inflate" | "Gzip" | "Gunzip" | "DeflateRaw" | "InflateRaw" | "Unzip";

/** Settings of a codec, all given. */
export interface Settings {
  readonly level: number;
  readonly windowBits: number;
  readonly memLevel: number;
  readonly strategy: number;
  readonly dictionary: Uint8Array | undefined;
  readonly chunkSize: number;
}

const FINISH = 4;
const [STREAM_END, NEED_DICT, BUF_ERROR, DATA_ERROR] = [1, 2, -5, -3];

/** Texts that zlib gives when the stream itself has none. */
const WORDS: Readonly<Record<number, string>> = { [NEED_DICT]: "Missing dictionary", [BUF_ERROR]: "unexpected end of file" };

/** An error of zlib with Node's properties. */
export function zlibError(number: number, text: string): Error {
  return Object.assign(new Error(text), { errno: number, code: codes[String(number)] });
}

const packs = (kind: Kind): boolean => kind === "Deflate" || kind === "Gzip" || kind === "DeflateRaw";

function windowOf(kind: Kind, bits: number): number {
  if (kind === "DeflateRaw" || kind === "InflateRaw") return -(bits === 0 ? 15 : bits);
  if (kind === "Gzip" || kind === "Gunzip") return bits + 16;
  return kind === "Unzip" ? bits + 32 : bits;
}

/** Bytes in, bytes out. */
export class Codec {
  private readonly kind: Kind;
  private readonly settings: Settings;
  private stream = new ZStream();
  private ended = false;
  private fresh = true;

  constructor(kind: Kind, settings: Settings) {
    this.kind = kind;
    this.settings = settings;
    this.start();
  }

  private start(): void {
    const { level, memLevel, strategy, windowBits, dictionary } = this.settings;
    const bits = windowOf(this.kind, windowBits);
    const status = packs(this.kind)
      ? zlibDeflateInit2(this.stream, level, 8, bits, memLevel, strategy as Z_Strategy)
      : zlibInflateInit2(this.stream, bits);
    if (status !== 0) throw zlibError(status, "Init error");
    if (dictionary === undefined) return;
    if (packs(this.kind)) zlibDeflateSetDictionary(this.stream, dictionary);
    else if (this.kind === "InflateRaw") zlibInflateSetDictionary(this.stream, dictionary);
  }

  /** Take bytes with one of zlib's flush modes; each part of the output as it comes. Throws what zlib finds wrong. */
  *run(input: Uint8Array, flush: number): Generator<Uint8Array> {
    const { stream } = this;
    stream.input = input;
    stream.next_in = 0;
    stream.avail_in = input.length;
    if (this.ended && !this.again()) return;
    for (;;) {
      stream.output = new Uint8Array(this.settings.chunkSize);
      stream.next_out = 0;
      stream.avail_out = this.settings.chunkSize;
      const status = this.step(flush);
      if (stream.next_out > 0) {
        this.fresh = false;
        yield stream.output.subarray(0, stream.next_out);
      }
      this.check(status, flush);
      if (status === STREAM_END) {
        this.ended = true;
        if (!this.again()) return;
      } else if (stream.avail_out !== 0) break;
    }
  }

  private step(flush: number): number {
    if (packs(this.kind)) return zlibDeflate(this.stream, flush as Z_FlushMode);
    const status: number = zlibInflate(this.stream, flush as Z_FlushMode);
    const { dictionary } = this.settings;
    if (status !== NEED_DICT || dictionary === undefined) return status;
    const set: number = zlibInflateSetDictionary(this.stream, dictionary);
    if (set !== 0) throw zlibError(set === DATA_ERROR ? NEED_DICT : set, set === DATA_ERROR ? "Bad dictionary" : "Failed to set dictionary");
    return zlibInflate(this.stream, flush as Z_FlushMode);
  }

  private check(status: number, flush: number): void {
    const { avail_out: room, msg } = this.stream;
    if (status === 0 && room !== 0 && flush === FINISH && !packs(this.kind)) throw zlibError(BUF_ERROR, WORDS[BUF_ERROR] ?? "");
    if (!this.goesOn(status, flush)) throw zlibError(status, msg === "" ? (WORDS[status] ?? "Zlib error") : msg);
  }

  /** Whether nothing is wrong: zlib has ended, or has only run out of input or of room. */
  private goesOn(status: number, flush: number): boolean {
    if (status === BUF_ERROR) return flush !== FINISH || (packs(this.kind) && this.stream.avail_out === 0);
    return status === 0 || status === STREAM_END;
  }

  /** Go on with another member of a gzip file when bytes are left that begin one; zeros after the end are padding. */
  private again(): boolean {
    const { stream } = this;
    if (stream.avail_in === 0 || (this.kind !== "Gunzip" && this.kind !== "Unzip")) return false;
    if (this.kind === "Unzip" && stream.input[stream.next_in] !== 0x1f) return false;
    if (stream.input[stream.next_in] === 0) return false;
    zlibInflateReset(stream);
    this.ended = false;
    return true;
  }

  /** Begin anew with the same settings. */
  reset(): void {
    if (packs(this.kind)) zlibDeflateReset(this.stream);
    else zlibInflateReset(this.stream);
    this.ended = false;
    this.fresh = true;
  }

  /** Go on with another level and strategy: zlib does it only before the first byte; later a new stream would be needed. */
  retune(level: number, strategy: number): boolean {
    if (!this.fresh) return false;
    this.stream = new ZStream();
    Object.assign(this.settings, { level, strategy });
    this.start();
    return true;
  }
}
