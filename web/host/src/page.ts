/** The host page's script: `globalThis.runnerHost`, what the runner calls. */

export {};
