/** A vite plugin for pages that boot WebContainers: every answer of its servers isolates the page from other origins. */
import type { Connect, Plugin } from "vite";

/** How the page treats what comes from other origins. */
export interface IsolationOptions {
  /**
   * `require-corp` (the default) loads only what other origins allow by Cross-Origin-Resource-Policy or CORS;
   * `credentialless` loads all, without cookies. Give the same value to the container's `boot`. Safari knows only the first.
   */
  coep?: "require-corp" | "credentialless";
}

/** The headers that make a page cross-origin isolated, and let an isolated page of another origin load it. */
export function isolationHeaders(options: IsolationOptions = {}): Record<string, string> {
  return {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": options.coep ?? "require-corp",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Origin-Agent-Cluster": "?1",
  };
}

/**
 * The plugin: `export default defineConfig({ plugins: [isolation()] })`. It serves vite's development and preview
 * servers; a server of your own that serves the build sends `isolationHeaders()` itself.
 */
export function isolation(options: IsolationOptions = {}): Plugin {
  const headers = Object.entries(isolationHeaders(options));
  // As a middleware before all others: the option `server.headers` leaves out errors and some files.
  const add: Connect.NextHandleFunction = (_request, answer, next) => {
    for (const [name, value] of headers) answer.setHeader(name, value);
    next();
  };
  return {
    name: "runner:isolation",
    configureServer: ({ middlewares }) => void middlewares.use(add),
    configurePreviewServer: ({ middlewares }) => void middlewares.use(add),
  };
}
