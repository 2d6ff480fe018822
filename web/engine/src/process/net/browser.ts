/** The browser's own functions, kept before programs take their names. */

/** The browser's `fetch`. */
export const browserFetch: typeof fetch = globalThis.fetch.bind(globalThis);

/** The browser's `MessageChannel`. */
export const BrowserChannel = globalThis.MessageChannel;
