import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ParseError, Parser } from "../../src/process/net/http/parser.ts";

/** What a reader made of some bytes: the messages that were whole, then the code of its complaint, if any. */
interface Reading {
  readonly messages: readonly string[];
  readonly complaint: string | null;
}

const CHUNKED = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
const REQUESTS: Readonly<Record<string, string>> = {
  "a length beside chunks": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n",
  "two lengths": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhelloX",
  "the same length twice": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
  "a list of lengths": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello",
  "a length with a sign": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
  "a length that no number holds": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
  "an empty length": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n",
  "a coding that is not chunked": "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "chunked is the last of two codings": "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "chunked is not the last coding": "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "codings in two headers": "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "a space before the colon": "GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello",
  "a folded header": "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
  "a folded first header": "GET / HTTP/1.1\r\n A: b\r\nHost: x\r\n\r\n",
  "lines that end with a line feed alone": "GET / HTTP/1.1\nHost: x\n\n",
  "a header that ends with a line feed alone": "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
  "a carriage return alone": "GET / HTTP/1.1\r\nHost: x\r\nA: b\rC: d\r\n\r\n",
  "a zero byte": "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
  "no colon": "GET / HTTP/1.1\r\nHost: x\r\nABC\r\n\r\n",
  "no name": "GET / HTTP/1.1\r\nHost: x\r\n: v\r\n\r\n",
  "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "HTTP/1.2": "GET / HTTP/1.2\r\nHost: x\r\n\r\n",
  "HTTP/0.9": "GET /\r\n\r\n",
  "an unknown method": "FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
  "a method in small letters": "get / HTTP/1.1\r\nHost: x\r\n\r\n",
  "a chunk that no number holds": `${CHUNKED}fffffffffffffffff\r\nhello`,
  "a chunk of less than nothing": `${CHUNKED}-5\r\nhello\r\n0\r\n\r\n`,
  "a chunk's size with 0x": `${CHUNKED}0x5\r\nhello\r\n0\r\n\r\n`,
  "a space behind a chunk's size": `${CHUNKED}5 \r\nhello\r\n0\r\n\r\n`,
  "a chunk's extensions": `${CHUNKED}5;a=b;c="d"\r\nhello\r\n0\r\n\r\n`,
  "extensions without end": `${CHUNKED}5;${"a".repeat(40_000)}\r\nhello\r\n0\r\n\r\n`,
  "a chunk that is longer than it says": `${CHUNKED}5\r\nhelloX\r\n0\r\n\r\n`,
  "a chunk's size that ends with a line feed alone": `${CHUNKED}5\nhello\r\n0\r\n\r\n`,
  "no chunk's size": `${CHUNKED}\r\nhello\r\n0\r\n\r\n`,
  trailers: `${CHUNKED}5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n`,
  "a huge header": `GET / HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(20_000)}\r\n\r\n`,
  "a huge target": `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  "a huge trailer": `${CHUNKED}5\r\nhello\r\n0\r\nX: ${"a".repeat(20_000)}\r\n\r\n`,
  "two requests in one go": "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
  "empty lines before a request": "\r\n\r\nGET /1 HTTP/1.1\r\nHost: x\r\n\r\n",
  "an empty line behind the last request": "GET /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n\r\n",
  "a request behind the last one": "GET /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
  "a request behind one of HTTP/1.0": "GET /1 HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n",
  "a target that is not ASCII": "GET /\u00fc HTTP/1.1\r\nHost: x\r\n\r\n",
  "values that are not ASCII": "GET / HTTP/1.1\r\nHost: x\r\nA: \u00fc\r\n\r\n",
  "spaces before the target": "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
};

/** Read by this engine's parser, in pieces of some bytes. */
function ours(bytes: string, piece: number): Reading {
  const messages: string[] = [];
  let [head, body] = ["", ""];
  const parser = new Parser("request", {
    head: ({ method, url, headers }) => {
      [head, body] = [`${method} ${url} ${headers.length / 2}`, ""];
      return "body";
    },
    body: (chunk) => {
      body += Buffer.from(chunk).toString("latin1");
    },
    complete: (trailers) => void messages.push(`${head} [${body}] ${trailers.length / 2}`),
  });
  try {
    const data = Buffer.from(bytes, "latin1");
    for (let at = 0; at < data.length; at += piece) parser.execute(data.subarray(at, at + piece));
    parser.finish();
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return { messages, complaint: error.code };
  }
  return { messages, complaint: null };
}

describe("requests are read as Node reads them", () => {
  const server = http.createServer({ requireHostHeader: false });
  beforeAll(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  async function real(bytes: string): Promise<Reading> {
    const messages: string[] = [];
    let complaint: string | null = null;
    const heard = (request: http.IncomingMessage, response: http.ServerResponse): void => {
      let body = "";
      request.setEncoding("latin1");
      request.on("data", (text: string) => (body += text));
      request.on("error", () => undefined);
      request.on("end", () => {
        messages.push(`${request.method ?? ""} ${request.url ?? ""} ${request.rawHeaders.length / 2} [${body}] ${request.rawTrailers.length / 2}`);
        response.end();
      });
    };
    const refused = (error: NodeJS.ErrnoException, socket: net.Socket): void => {
      complaint ??= error.code ?? "";
      socket.end();
    };
    server.on("request", heard).on("clientError", refused);
    const { port } = server.address() as net.AddressInfo;
    const socket = net.connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    socket.end(Buffer.from(bytes, "latin1"));
    await once(socket, "close");
    server.off("request", heard).off("clientError", refused);
    return { messages, complaint };
  }

  test.each(Object.entries(REQUESTS))("%s", async (_, bytes) => {
    const wanted = await real(bytes);
    expect(ours(bytes, bytes.length)).toEqual(wanted);
    expect(ours(bytes, 7)).toEqual(wanted);
  });

  test("a request cannot be smuggled behind a body whose length is told twice", () => {
    const heads: string[] = [];
    const parser = new Parser("request", { head: ({ url }) => (heads.push(url), "body"), body: () => undefined, complete: () => undefined });
    expect(() => parser.execute(Buffer.from(REQUESTS["a length beside chunks"] ?? ""))).toThrow(ParseError);
    expect(heads).toEqual([]);
  });
});

const ANSWERS: Readonly<Record<string, readonly [bytes: string, outcome: string]>> = {
  "a length beside chunks": ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", "HPE_INVALID_TRANSFER_ENCODING"],
  "two lengths": ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", "HPE_UNEXPECTED_CONTENT_LENGTH"],
  "no status": ["HTTP/1.1 abc\r\n\r\n", "HPE_INVALID_STATUS"],
  "four digits": ["HTTP/1.1 1000 X\r\n\r\n", "HPE_INVALID_STATUS"],
  "no HTTP": ["hello\r\n\r\n", "HPE_INVALID_CONSTANT"],
  "a line feed alone": ["HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "HPE_CR_EXPECTED"],
  "no reason": ["HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "200  ok"],
  "until the end": ["HTTP/1.1 200 OK\r\n\r\nhello", "200 OK hello"],
  "too short": ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel", "HPE_INVALID_EOF_STATE"],
  "no body, whatever the length": ["HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "204 No "],
  "an informational one first": ["HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 OK ok"],
};

describe("answers", () => {
  test.each(Object.entries(ANSWERS))("%s", (_, [bytes, outcome]) => {
    let [head, body, found] = ["", "", ""];
    const parser = new Parser("response", {
      head: ({ status, reason }) => {
        head = `${status} ${reason}`;
        return "body";
      },
      body: (chunk) => {
        body += Buffer.from(chunk).toString();
      },
      complete: () => {
        found = `${head} ${body}`;
      },
    });
    try {
      parser.execute(Buffer.from(bytes));
      parser.finish();
    } catch (error) {
      found = (error as ParseError).code;
    }
    expect(found).toBe(outcome);
  });
});
