/** `http.ServerResponse`. */

import { nodeError } from "../../modules/errors.ts";
import type { Socket } from "../socket.ts";
import { constructorOf } from "./construct.ts";
import { STATUS_CODES } from "./facts.ts";
import { headerPairs, validateHeaderName, validateHeaderValue } from "./headers.ts";
import type { Incoming } from "./incoming.ts";
import { beginOutgoing, Outgoing } from "./outgoing.ts";

function begin(response: Response, request: Incoming): void {
  Object.assign(response, { req: request, sendDate: true, _sent100: false, _expect_continue: false });
  if (request.method === "HEAD") response._hasBody = false;
  if (request.httpVersionMajor < 1 || request.httpVersionMinor < 1) {
    response.useChunkedEncodingByDefault = /chunked/i.test(String(request.headers.te ?? ""));
    response.shouldKeepAlive = false;
  }
}

/** Answers that have no body, besides the informational ones. */
const BODILESS = new Set([204, 304]);

/** The methods. */
export class Response extends Outgoing {
  declare req: Incoming;
  declare statusCode: number;
  declare statusMessage: string | undefined;
  declare _sent100: boolean;

  constructor(request: Incoming) {
    super();
    begin(this, request);
  }

  override _implicitHeader(): void {
    this.writeHead(this.statusCode);
  }

  writeHead(status: number | string, reason?: unknown, headers?: unknown): this {
    if (this._header !== null) throw nodeError(Error, "ERR_HTTP_HEADERS_SENT", "Cannot write headers after they are sent to the client");
    const code = Number(status) | 0;
    if (code < 100 || code > 999) throw nodeError(RangeError, "ERR_HTTP_INVALID_STATUS_CODE", `Invalid status code: ${String(status)}`);
    const given = typeof reason === "string" ? headers : (headers ?? reason);
    this.statusMessage = this.messageOf(code, reason);
    this.statusCode = code;
    for (const [name, value] of headerPairs(given)) this._headers.set(name, value);
    const bodiless = code < 200 || BODILESS.has(code) || this.req.method === "HEAD";
    // A client that waits for a go-ahead and gets none would send its body as the next request.
    if (!this._sent100 && /100-continue/i.test(String(this.req.headers.expect ?? ""))) this.shouldKeepAlive = false;
    this._store(`HTTP/1.1 ${code} ${this.statusMessage}`, [], !bodiless);
    return this;
  }

  private messageOf(code: number, reason: unknown): string {
    const message = typeof reason === "string" ? reason : (this.statusMessage ?? STATUS_CODES[code] ?? "unknown");
    if (/[^\t\x20-\x7e\x80-\xff]/.test(message)) throw nodeError(TypeError, "ERR_INVALID_CHAR", "Invalid character in statusMessage");
    return message;
  }

  /** Node's old name. */
  writeHeader(status: number, reason?: unknown, headers?: unknown): this {
    return this.writeHead(status, reason, headers);
  }

  writeContinue(callback?: () => void): void {
    this._sent100 = true;
    this.interim("HTTP/1.1 100 Continue\r\n\r\n", callback);
  }
  writeProcessing(callback?: () => void): void {
    this.interim("HTTP/1.1 102 Processing\r\n\r\n", callback);
  }
  writeEarlyHints(hints: Record<string, string | string[]>, callback?: () => void): void {
    const { link, ...others } = hints;
    if (link === undefined) return;
    for (const [name, value] of Object.entries(hints)) for (const one of [value].flat()) {
      validateHeaderName(name);
      validateHeaderValue(name, one);
    }
    const lines = [`Link: ${Array.isArray(link) ? link.join(", ") : link}`, ...Object.entries(others).map(([name, value]) => `${name}: ${String(value)}`)];
    this.interim(`HTTP/1.1 103 Early Hints\r\n${lines.join("\r\n")}\r\n\r\n`, callback);
  }

  private interim(text: string, callback: (() => void) | undefined): void {
    this.socket?.write(text, "latin1", () => callback?.());
  }

  /** Leave the connection to the next answer. */
  detachSocket(socket: Socket): void {
    socket._httpMessage = null;
    this.socket = null;
  }

  override assignSocket(socket: Socket): void {
    if (socket._httpMessage !== null && socket._httpMessage !== undefined) throw nodeError(Error, "ERR_HTTP_SOCKET_ASSIGNED", "Socket already assigned");
    socket._httpMessage = this;
    super.assignSocket(socket);
  }

  protected override _finished(): void {
    this.onFinished?.();
  }

  /** What the server does when all of the answer is sent. */
  declare onFinished: (() => void) | undefined;
}

/** `http.ServerResponse`, which libraries also call without `new` on objects of their own. */
// Node has the defaults on the class, where programs change them for all responses.
Object.assign(Response.prototype, { statusCode: 200, statusMessage: undefined });

export const ServerResponse = constructorOf(Response, "ServerResponse", (response, [request]) => {
  beginOutgoing(response);
  begin(response, request as Incoming);
});
