/** `curl`, as far as scripts use it: to servers in this container, and to others as far as the browser and the network policy let it. */

import type { Answer } from "../../net/answer.ts";
import { exchange, isLocalHost } from "../../net/exchange.ts";
import type { Shell } from "./shell.ts";
import { reason } from "./redirect.ts";
import { readAll } from "./streams.ts";

interface Options {
  method: string | null;
  headers: [string, string][];
  data: Uint8Array[];
  query: boolean;
  silent: boolean;
  showError: boolean;
  fail: boolean;
  include: boolean;
  head: boolean;
  location: boolean;
  verbose: boolean;
  output: string | null;
  remoteName: boolean;
  format: string;
  seconds: number;
  connectSeconds: number;
  retries: number;
  retryRefused: boolean;
  retryDelay: number;
  user: string | null;
  urls: string[];
}

/** Why curl ends: its exit code and sentence. */
class CurlError extends Error {
  constructor(readonly code: number, message: string) {
    super(message);
  }
}

type Setter = (options: Options, value: string, shell: Shell) => void | Promise<void>;

const encoder = new TextEncoder();

const header: Setter = (options, value) => {
  const at = value.indexOf(":");
  if (at > 0) options.headers.push([value.slice(0, at).trim(), value.slice(at + 1).trim()]);
};

const data = (raw: boolean): Setter => async (options, value, shell) => {
  if (!value.startsWith("@") || raw) return void options.data.push(encoder.encode(value));
  const bytes = value === "@-" ? await readAll(shell.system, shell.state.descriptors.get(0)) : shell.system.files("fs.readFile", shell.resolve(value.slice(1)));
  options.data.push(bytes.filter((byte) => byte !== 10 && byte !== 13));
};

const VALUES: Readonly<Record<string, Setter>> = {
  "-X": (options, value) => void (options.method = value), "-H": header, "-d": data(false), "--data-raw": data(true),
  "--data-binary": async (options, value, shell) => {
    if (!value.startsWith("@")) options.data.push(encoder.encode(value));
    else options.data.push(value === "@-" ? await readAll(shell.system, shell.state.descriptors.get(0)) : shell.system.files("fs.readFile", shell.resolve(value.slice(1))));
  },
  "--data-urlencode": (options, value) => {
    const [, name = "", text = ""] = /^([^=]*=)?([^]*)$/.exec(value) ?? [];
    options.data.push(encoder.encode(`${name === "=" ? "" : name}${encodeURIComponent(text).replaceAll("%20", "+")}`));
  },
  "--json": (options, value) => {
    options.data.push(encoder.encode(value));
    options.headers.push(["Content-Type", "application/json"], ["Accept", "application/json"]);
  },
  "-o": (options, value) => void (options.output = value), "-w": (options, value) => void (options.format = value),
  "-A": (options, value) => void options.headers.push(["User-Agent", value]), "-e": (options, value) => void options.headers.push(["Referer", value]),
  "-b": (options, value) => void options.headers.push(["Cookie", value]), "-u": (options, value) => void (options.user = value),
  "-m": (options, value) => void (options.seconds = Number(value)), "--connect-timeout": (options, value) => void (options.connectSeconds = Number(value)),
  "--retry": (options, value) => void (options.retries = Number(value)), "--retry-delay": (options, value) => void (options.retryDelay = Number(value)),
  "--retry-max-time": () => undefined, "--url": (options, value) => void options.urls.push(value),
};

const FLAGS: Readonly<Record<string, (options: Options) => void>> = {
  "-s": (options) => void (options.silent = true), "-S": (options) => void (options.showError = true), "-f": (options) => void (options.fail = true),
  "-i": (options) => void (options.include = true), "-I": (options) => void (options.head = true), "-L": (options) => void (options.location = true),
  "-v": (options) => void (options.verbose = true), "-O": (options) => void (options.remoteName = true), "-G": (options) => void (options.query = true),
  "-N": () => undefined, "-#": () => undefined, "-g": () => undefined, "-4": () => undefined, "-6": () => undefined, "--compressed": () => undefined, "--http1.1": () => undefined,
  "--retry-connrefused": (options) => void (options.retryRefused = true), "--retry-all-errors": (options) => void (options.retryRefused = true), "--no-progress-meter": () => undefined,
};

const LONG: Readonly<Record<string, string>> = {
  "--request": "-X", "--header": "-H", "--data": "-d", "--data-ascii": "-d", "--output": "-o", "--write-out": "-w", "--user-agent": "-A", "--referer": "-e", "--cookie": "-b",
  "--user": "-u", "--max-time": "-m", "--silent": "-s", "--show-error": "-S", "--fail": "-f", "--include": "-i", "--head": "-I", "--location": "-L", "--verbose": "-v",
  "--remote-name": "-O", "--get": "-G", "--no-buffer": "-N", "--progress-bar": "-#", "--globoff": "-g",
};

async function optionsOf(shell: Shell, args: readonly string[]): Promise<Options> {
  const options: Options = {
    method: null, headers: [], data: [], query: false, silent: false, showError: false, fail: false, include: false, head: false, location: false, verbose: false, output: null,
    remoteName: false, format: "", seconds: 0, connectSeconds: 0, retries: 0, retryRefused: false, retryDelay: 1, user: null, urls: [],
  };
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? "";
    if (!/^-./.test(arg)) options.urls.push(arg);
    else if (arg.startsWith("--")) {
      const name = LONG[arg] ?? arg;
      if (Object.hasOwn(VALUES, name)) await VALUES[name]?.(options, args[++at] ?? "", shell);
      else flag(options, name);
    } else {
      for (let letter = 1; letter < arg.length; letter += 1) {
        const name = `-${arg[letter] ?? ""}`;
        if (!Object.hasOwn(VALUES, name)) flag(options, name);
        else {
          await VALUES[name]?.(options, letter + 1 < arg.length ? arg.slice(letter + 1) : (args[++at] ?? ""), shell);
          break;
        }
      }
    }
  }
  return options;
}

function flag(options: Options, name: string): void {
  const set = Object.hasOwn(FLAGS, name) ? FLAGS[name] : undefined;
  if (set === undefined) throw new CurlError(2, `option ${name} is not supported by the local WebContainer engine`);
  set(options);
}

/** The command. */
export async function curl(shell: Shell, args: readonly string[]): Promise<number> {
  let options: Options | null = null;
  try {
    options = await optionsOf(shell, args);
    if (options.urls.length === 0) throw new CurlError(2, "no URL specified!");
    for (const url of options.urls) await one(shell, options, url);
    return 0;
  } catch (error) {
    const failure = translated(error, options);
    if (options === null || !options.silent || options.showError) await shell.print(2, `curl: (${failure.code}) ${failure.message}\n`);
    return failure.code;
  }
}

function translated(error: unknown, options: Options | null): CurlError {
  if (error instanceof CurlError) return error;
  const { code, name, message } = error as { code?: string; name?: string; message: string };
  if (name === "TimeoutError") return new CurlError(28, `Operation timed out after ${Math.round((options?.seconds ?? 0) * 1000)} milliseconds with 0 bytes received`);
  if (code === "UND_ERR_SOCKET") return new CurlError(52, "Empty reply from server");
  if (code === "ECONNRESET") return new CurlError(56, "Recv failure: Connection reset by peer");
  const why = reason(error);
  return why === null || code === "ECONNREFUSED" ? new CurlError(7, message) : new CurlError(26, `${message}: ${why}`);
}

async function one(shell: Shell, options: Options, text: string): Promise<void> {
  const started = performance.now();
  let url = addressOf(text);
  const body = options.data.length === 0 ? null : joinedData(options.data);
  let sent = body;
  if (options.query && body !== null) {
    url.search += `${url.search === "" ? "?" : "&"}${new TextDecoder().decode(body)}`;
    sent = null;
  }
  let method = options.method ?? (options.head ? "HEAD" : sent === null ? "GET" : "POST");
  let answer = await ask(options, url, method, sent);
  for (let hops = 0; options.location && isRedirect(answer.status) && hops < 50; hops += 1) {
    const target = headerOf(answer, "location");
    if (target === null) break;
    await answer.body.cancel();
    url = new URL(target, url);
    if (answer.status === 303 || ((answer.status === 301 || answer.status === 302) && method === "POST" && options.method === null)) [method, sent] = [method === "HEAD" ? "HEAD" : "GET", null];
    answer = await ask(options, url, method, sent);
  }
  await deliver(shell, options, { answer, url, started });
}

const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status);
const headerOf = (answer: Answer, name: string): string | null => answer.headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? null;

function addressOf(text: string): URL {
  try {
    const url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
    if (url.protocol !== "http:" && url.protocol !== "https:") throw new CurlError(1, `Protocol "${url.protocol.slice(0, -1)}" not supported`);
    return url;
  } catch (error) {
    if (error instanceof CurlError) throw error;
    throw new CurlError(3, "URL using bad/illegal format or missing URL");
  }
}

function joinedData(parts: readonly Uint8Array[]): Uint8Array {
  return parts.reduce((before, part) => Uint8Array.from([...before, 38, ...part]));
}

async function ask(options: Options, url: URL, method: string, body: Uint8Array | null): Promise<Answer> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await askOnce(options, url, method, body);
    } catch (error) {
      if (tries >= options.retries || !options.retryRefused) throw error;
      await new Promise((resolve) => setTimeout(resolve, options.retryDelay * 1000));
    }
  }
}

async function askOnce(options: Options, url: URL, method: string, body: Uint8Array | null): Promise<Answer> {
  const names = new Set(options.headers.map(([name]) => name.toLowerCase()));
  const headers: [string, string][] = [...options.headers];
  if (!names.has("user-agent")) headers.unshift(["User-Agent", "curl/7.88.1"]);
  if (!names.has("accept")) headers.push(["Accept", "*/*"]);
  if (body !== null && !names.has("content-type")) headers.push(["Content-Type", "application/x-www-form-urlencoded"]);
  if (options.user !== null) headers.push(["Authorization", `Basic ${btoa(options.user)}`]);
  const signal = options.seconds > 0 ? AbortSignal.timeout(options.seconds * 1000) : undefined;
  if (!isLocalHost(url.hostname)) return outside(url, { method, headers, body, signal });
  if (url.protocol === "https:") throw new CurlError(35, "TLS to servers in the container is not supported by the local WebContainer engine");
  try {
    return await exchange({ method, url, headers, body, signal });
  } catch (error) {
    if ((error as { code?: string }).code !== "ECONNREFUSED") throw error;
    throw new CurlError(7, `Failed to connect to ${url.hostname} port ${url.port === "" ? "80" : url.port} after 0 ms: Couldn't connect to server`);
  }
}

interface Outside {
  readonly method: string;
  readonly headers: [string, string][];
  readonly body: Uint8Array | null;
  readonly signal: AbortSignal | undefined;
}

async function outside(url: URL, { method, headers, body, signal }: Outside): Promise<Answer> {
  try {
    const answer = await fetch(url, { method, headers: headers.filter(([name]) => name.toLowerCase() !== "user-agent"), body: body as BodyInit | null, signal: signal ?? null, credentials: "omit" });
    return { status: answer.status, reason: answer.statusText, headers: [...answer.headers], body: answer.body ?? new Blob([]).stream() };
  } catch (error) {
    if ((error as Error).name === "TimeoutError") throw error;
    throw new CurlError(7, `Failed to connect to ${url.hostname}: the network policy of this container or the server's CORS rules do not allow it (in the local WebContainer engine, requests go through the browser)`);
  }
}

interface Delivery {
  readonly answer: Answer;
  readonly url: URL;
  readonly started: number;
}

async function deliver(shell: Shell, options: Options, { answer, url, started }: Delivery): Promise<void> {
  const head = `HTTP/1.1 ${answer.status} ${answer.reason}\r\n${answer.headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  if (options.verbose) await shell.print(2, head.replace(/^(?=.)/gm, "< "));
  const failed = options.fail && answer.status >= 400;
  const path = options.remoteName ? (url.pathname.split("/").at(-1) ?? "") : options.output;
  const file = path === null || path === "-" || failed ? null : shell.system.files("fs.open", shell.resolve(path), "w", 0o666);
  const write = async (bytes: Uint8Array): Promise<void> => {
    if (file === null) await shell.print(1, bytes);
    else shell.system.files("fs.write", file, bytes, null);
  };
  let size = 0;
  try {
    if ((options.include || options.head) && !failed) await write(encoder.encode(head));
    const reader = answer.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      size += part.value.length;
      if (!failed) await write(part.value);
    }
  } finally {
    if (file !== null) shell.system.files("fs.close", file);
  }
  if (options.format !== "") await shell.print(1, formatted(options.format, { answer, url, started }, size));
  if (failed) throw new CurlError(22, `The requested URL returned error: ${answer.status}`);
}

function formatted(format: string, { answer, url, started }: Delivery, size: number): string {
  const values: Readonly<Record<string, string>> = {
    http_code: String(answer.status).padStart(3, "0"), response_code: String(answer.status).padStart(3, "0"), size_download: String(size), url_effective: url.href,
    content_type: headerOf(answer, "content-type") ?? "", time_total: ((performance.now() - started) / 1000).toFixed(6), redirect_url: headerOf(answer, "location") ?? "", http_version: "1.1",
  };
  return format.replace(/%\{(\w+)\}|%%|\\([ntr\\])/g, (all: string, name?: string, escape?: string) => {
    if (name !== undefined) return Object.hasOwn(values, name) ? (values[name] ?? "") : all;
    return escape === undefined ? "%" : ({ n: "\n", t: "\t", r: "\r" }[escape] ?? "\\");
  });
}
