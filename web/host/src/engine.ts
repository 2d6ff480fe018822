/** Reaching an engine: what the browser lets this page do, and why no engine answers. The client itself never says. */
import { HostError } from "./failure.ts";

/** Where the vendor serves its engine: the client's own default. */
export const VENDOR = "https://stackblitz.com";

/** Milliseconds that a probe of an engine's address may take: after its frame loaded, and when its time is over. */
const PROBE = 4_000;
const LAST_PROBE = 400;

/** What the page and its browser allow. `coep` is `none` only under the vendor's origin trial. */
export function checkPage(coep: string | undefined): void {
  if (!globalThis.isSecureContext) {
    throw new HostError("no-service-worker", `${location.origin} is no secure context: service workers need https or loopback`);
  }
  if (coep !== "none" && !globalThis.crossOriginIsolated) {
    throw new HostError(
      "not-isolated",
      "the page is not cross-origin isolated: it needs the headers Cross-Origin-Opener-Policy: same-origin and " +
        "Cross-Origin-Embedder-Policy: require-corp (or credentialless), and a browser that heeds them",
    );
  }
  if (!("serviceWorker" in navigator)) {
    throw new HostError("no-service-worker", "this browser gives the page no service workers; private windows often have none");
  }
}

/** A message of an engine that does not want to serve, in place of the client's `init`. Only our own engine sends it. */
interface Refusal {
  type: "refused";
  message: string;
}

function isRefusal(data: unknown): data is Refusal {
  return typeof data === "object" && data !== null && "type" in data && data.type === "refused" && "message" in data && typeof data.message === "string";
}

/** Watches an engine's frame from before it is made until the client has its answer, and rejects when none will come. */
export class EngineWatch {
  /** Rejects with the reason when the engine cannot be had; never resolves. */
  readonly failed: Promise<never>;
  /** Warnings that the engine sent, newest last. */
  readonly warnings: string[] = [];
  #fail: (error: HostError) => void = () => undefined;
  readonly #ends = new AbortController();
  #probeBlocked = false;

  constructor(private readonly origin: string) {
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => undefined); // it may lose its race after the boot succeeded
    const { signal } = this.#ends;
    window.addEventListener("message", (event) => this.#heard(event), { signal });
    document.addEventListener("securitypolicyviolation", (event) => this.#violated(event), { signal });
    const frames = new MutationObserver((changes) => this.#inserted(changes));
    frames.observe(document.body, { childList: true });
    signal.addEventListener("abort", () => frames.disconnect());
  }

  /** Stop watching. */
  end(): void {
    this.#ends.abort();
  }

  /** What to say when the engine kept silent for `ms`. */
  async silence(ms: number): Promise<HostError> {
    const found = await probe(this.origin, LAST_PROBE);
    if (found instanceof HostError && !this.#probeBlocked) return found;
    const mute = found === "silent" ? ": something takes connections there and does not answer" : "";
    const told = this.warnings.length > 0 ? `; it warned: ${this.warnings.join("; ")}` : "";
    return new HostError("boot-timeout", `the engine at ${this.origin} did not boot within ${ms} ms${mute}${told}`);
  }

  #heard(event: MessageEvent): void {
    if (event.origin !== this.origin) return;
    const data: unknown = event.data;
    if (isRefusal(data)) this.#fail(new HostError("engine-refused", `the engine refuses to boot: ${data.message}`));
    if (typeof data === "object" && data !== null && "type" in data && data.type === "warning" && "message" in data) {
      this.warnings.push(String(data.message));
    }
  }

  #violated(event: SecurityPolicyViolationEvent): void {
    if (!event.blockedURI.startsWith(this.origin)) return;
    if (event.effectiveDirective === "frame-src") {
      this.#fail(new HostError("engine-refused", `the page's own Content-Security-Policy blocks a frame of ${this.origin}`));
    } else {
      this.#probeBlocked = true;
    }
  }

  #inserted(changes: MutationRecord[]): void {
    for (const node of changes.flatMap((change) => [...change.addedNodes])) {
      if (!(node instanceof HTMLIFrameElement) || !node.src.startsWith(this.origin)) continue;
      // Browsers also "load" the page that tells of a failure: only a second request tells them apart.
      node.addEventListener("load", () => void this.#loaded(), { signal: this.#ends.signal });
    }
  }

  async #loaded(): Promise<void> {
    const found = await probe(this.origin, PROBE);
    if (found instanceof HostError && !this.#probeBlocked) this.#fail(found);
  }
}

/**
 * Why an engine cannot be reached at an origin; `null` when it answers, or when the browser does not tell; `silent`
 * when there was no answer for `ms`.
 */
export async function probe(origin: string, ms: number): Promise<HostError | "silent" | null> {
  const url = `${origin}/headless`;
  const signal = AbortSignal.timeout(ms);
  const plain: RequestInit = { credentials: "omit", cache: "no-store", signal };
  try {
    const answer = await fetch(url, { ...plain, mode: "cors" });
    if (answer.ok) return null;
    return new HostError("engine-refused", `the engine at ${origin} answered ${answer.status} ${answer.statusText}`.trim());
  } catch {
    // A foreign server allows no look at its status: whether it answers at all must do.
  }
  try {
    await fetch(url, { ...plain, mode: "no-cors" });
    return null;
  } catch {
    if (signal.aborted) return "silent";
    const why = navigator.onLine ? "" : "; the browser is offline";
    return new HostError(
      "engine-unreachable",
      `nothing answers at ${origin}, or the browser blocked the answer (Cross-Origin-Resource-Policy)${why}`,
    );
  }
}
