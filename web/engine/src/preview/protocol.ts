/**
 * What is said between a preview's service worker, the hidden page that has registered it, and the kernel.
 *
 * The kernel puts the page (`/__runner/preview` of a port's origin) into a frame of its own; the page registers the
 * worker and gives each of the two one end of a channel. Browsers end workers that have nothing to do: a worker that
 * starts again asks the page for another channel (`lost`).
 */

/**
 * Where the page and the worker are, on a preview's origin. The worker's script is what the browser gets for `/` when it
 * says that it wants one: Chromium lets a worker ask for cookies only of addresses that begin with that of its script.
 */
export const PLACES = { PAGE: "/__runner/preview", WORKER: "/", FIELDS: "/__runner/fields", OWN: "/__runner/" } as const;

/** From the worker to the kernel: a connection is wanted; or the port's requests have to go through the tunnel from now on. */
export type ToKernel =
  | { readonly kind: "connect"; readonly id: number }
  | { readonly kind: "leave"; readonly id: number };

/** From the kernel to the worker: with the connection's port, or without where the tunnel has to serve; `left` answers `leave`. */
export interface ToWorker {
  readonly id: number;
  readonly done: boolean;
}

/** From the page to the kernel's document, with the kernel's end of a channel when it is `ready`. */
export interface FromPage {
  readonly type: "preview";
  readonly state: "ready" | "gone";
}

/** From the kernel's document to the page: take the worker away. */
export interface ToPage {
  readonly type: "preview-close";
}

/** Between the worker and the page: `kernel` comes with the worker's end of a channel. */
export interface Handing {
  readonly type: "kernel" | "lost";
}
