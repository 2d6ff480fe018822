/** The hidden page of a preview's origin: it registers the origin's service worker, and brings it and the kernel together. */

import { PLACES, type FromPage, type Handing, type ToPage } from "./protocol.ts";

const workers = navigator.serviceWorker;
/** The engine's origin: that of the preview without its port in the container. Others may embed this page, and hear nothing. */
const ENGINE = `${location.protocol}//${location.host.replace(/^\d+--/u, "")}`;

/** The origin's worker, once it is active; null where the served pages have a worker of their own, which stays. */
async function activated(): Promise<ServiceWorkerRegistration | null> {
  const known = await workers.getRegistration("/");
  const script = (known?.active ?? known?.waiting ?? known?.installing)?.scriptURL;
  if (script !== undefined && new URL(script).pathname !== PLACES.WORKER) return null;
  const made = await workers.register(PLACES.WORKER, { scope: "/" });
  const coming = made.installing ?? made.waiting;
  if (coming === null) return made;
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (coming.state === "activated" || coming.state === "redundant") resolve();
    };
    coming.addEventListener("statechange", look);
    look();
  });
  return made;
}

function tell(state: FromPage["state"], ports: MessagePort[] = []): void {
  window.parent.postMessage({ type: "preview", state } satisfies FromPage, ENGINE, ports);
}

function connect(registration: ServiceWorkerRegistration): void {
  const { port1, port2 } = new MessageChannel();
  tell("ready", [port1]);
  registration.active?.postMessage({ type: "kernel" } satisfies Handing, [port2]);
}

async function close(registration: ServiceWorkerRegistration): Promise<void> {
  await registration.unregister();
  tell("gone");
}

async function serve(): Promise<void> {
  const registration = await activated();
  if (registration === null) return;
  workers.addEventListener("message", (event: MessageEvent<Handing>) => {
    if (event.data.type === "lost") connect(registration);
  });
  workers.startMessages();
  window.addEventListener("message", (event: MessageEvent<ToPage | null>) => {
    if (event.source === window.parent && event.origin === ENGINE && event.data?.type === "preview-close") void close(registration);
  });
  connect(registration);
}

// Where a browser gives no worker, every request goes on through the tunnel.
serve().catch(() => undefined);
