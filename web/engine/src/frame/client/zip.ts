/** ZIP archives, written as PKWARE's APPNOTE 6.3 describes them, with Unix modes. */

import { concat } from "../bytes.ts";
import { FileNode, Folder, Link } from "../files/nodes.ts";
import type { Member } from "./tree.ts";

const SIGNATURE = { LOCAL: 0x04034b50, CENTRAL: 0x02014b50, END: 0x06054b50 } as const;
/** Version 2.0 of the format, made on Unix; names in UTF-8; stored as it is, or deflated. */
const MADE_BY = (3 << 8) | 20;
const VERSION = 20;
const UTF8 = 0x0800;
const METHOD = { STORED: 0, DEFLATED: 8 } as const;
/** Limits of the format without its 64-bit extension. */
const MAX_MEMBERS = 0xffff;
const MAX_BYTES = 0xffffffff;

const ENCODER = new TextEncoder();

let table: Uint32Array | undefined;

function crcTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, start) => {
    let value = start;
    for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    return value;
  });
}

function crc32(data: Uint8Array): number {
  table ??= crcTable();
  let crc = 0xffffffff;
  for (const byte of data) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

async function deflate(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([data]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Numbers in a row, little-endian: [value, bytes] each. */
function packed(...fields: readonly (readonly [value: number, bytes: 2 | 4])[]): Uint8Array {
  const out = new Uint8Array(fields.reduce((sum, [, bytes]) => sum + bytes, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [value, bytes] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return out;
}

/** Date and time as MS-DOS wrote them, in UTC. */
function dosTime(ms: number): readonly [time: number, date: number] {
  const when = new Date(Math.max(ms, Date.UTC(1980, 0, 1)));
  const time = (when.getUTCHours() << 11) | (when.getUTCMinutes() << 5) | (when.getUTCSeconds() >> 1);
  return [time, ((when.getUTCFullYear() - 1980) << 9) | ((when.getUTCMonth() + 1) << 5) | when.getUTCDate()];
}

function contents({ node }: Member): Uint8Array<ArrayBuffer> {
  if (node instanceof FileNode) return node.data.slice(0, node.size);
  return node instanceof Link ? ENCODER.encode(node.target) : new Uint8Array(0);
}

/** Streams that compress at the same time: most of the time of a small one is waiting for its turns. */
const AT_ONCE = 64;

interface Compressed {
  readonly member: Member;
  readonly data: Uint8Array;
  readonly body: Uint8Array;
}

async function compress(member: Member): Promise<Compressed> {
  const data = contents(member);
  const small = data.length < 32 ? data : await deflate(data);
  return { member, data, body: small.length < data.length ? small : data };
}

/** Write an archive. @throws Error beyond 65,535 members or 4 GiB */
export async function writeZip(members: readonly Member[]): Promise<Uint8Array> {
  if (members.length > MAX_MEMBERS) throw new Error(`a zip holds at most ${MAX_MEMBERS} members, this has ${members.length}: use the binary format`);
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { member, data, body } of await compressAll(members)) {
    const name = ENCODER.encode(member.node instanceof Folder ? `${member.path}/` : member.path);
    const method = body === data ? METHOD.STORED : METHOD.DEFLATED;
    const [time, date] = dosTime(member.node.mtimeMs);
    const common = packed([VERSION, 2], [UTF8, 2], [method, 2], [time, 2], [date, 2], [crc32(data), 4], [body.length, 4], [data.length, 4], [name.length, 2], [0, 2]);
    parts.push(packed([SIGNATURE.LOCAL, 4]), common, name, body);
    const attributes = packed([0, 2], [0, 2], [0, 2], [(member.node.mode << 16) >>> 0, 4], [offset, 4]);
    directory.push(packed([SIGNATURE.CENTRAL, 4], [MADE_BY, 2]), common, attributes, name);
    offset += 4 + common.length + name.length + body.length;
  }
  const central = concat(directory);
  if (offset + central.length > MAX_BYTES) throw new Error("a zip holds at most 4 GiB: use the binary format");
  const end = packed([SIGNATURE.END, 4], [0, 2], [0, 2], [members.length, 2], [members.length, 2], [central.length, 4], [offset, 4], [0, 2]);
  return concat([...parts, central, end]);
}

async function compressAll(members: readonly Member[]): Promise<Compressed[]> {
  const done: Compressed[] = [];
  for (let at = 0; at < members.length; at += AT_ONCE) done.push(...(await Promise.all(members.slice(at, at + AT_ONCE).map(compress))));
  return done;
}
