/** `stream/consumers`: a whole stream as one value. */

import { Buffer } from "../buffer.ts";

type Source = AsyncIterable<unknown>;

async function bytes(source: Source): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of source) parts.push(typeof chunk === "string" ? Buffer.from(chunk) : Buffer.from(chunk as Uint8Array));
  return Buffer.concat(parts);
}

/** Text, decoded across chunks. */
async function text(source: Source): Promise<string> {
  const decoder = new TextDecoder();
  let whole = "";
  for await (const chunk of source) whole += typeof chunk === "string" ? chunk : decoder.decode(chunk as Uint8Array<ArrayBuffer>, { stream: true });
  return whole + decoder.decode();
}

export const consumers = {
  arrayBuffer: async (source: Source): Promise<ArrayBuffer> => (await bytes(source)).slice().buffer,
  blob: async (source: Source): Promise<Blob> => {
    const parts: BlobPart[] = [];
    for await (const chunk of source) parts.push(chunk as BlobPart);
    return new Blob(parts);
  },
  buffer: bytes,
  text,
  json: async (source: Source): Promise<unknown> => JSON.parse(await text(source)) as unknown,
};
