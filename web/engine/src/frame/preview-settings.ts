/** What the client wants done to pages of previews. The server does it, as documents pass there. */

import type { PostToServer } from "./calls/outside.ts";

/** The client's `PreviewScriptOptions`. */
export interface ScriptOptions {
  readonly type?: "module" | "importmap";
  readonly defer?: boolean;
  readonly async?: boolean;
}

/** A script for all documents, and which errors of theirs are told: `exceptions` are those that nobody caught. */
interface Wanted {
  script: { readonly text: string; readonly type: string; readonly defer: boolean; readonly async: boolean } | null;
  errors: "none" | "exceptions" | "all";
}

/** The settings of one container's previews. */
export class PreviewSettings {
  private readonly wanted: Wanted = { script: null, errors: "none" };

  constructor(private readonly post: PostToServer) {}

  /** Put a script into every document from now on, in place of an earlier one. Rejects with TypeError for what is no script. */
  async setScript(text: string, { type, defer = false, async = false }: ScriptOptions = {}): Promise<void> {
    if (typeof text !== "string") throw new TypeError("setPreviewScript: the script must be a text");
    if (type !== undefined && !["module", "importmap"].includes(type)) throw new TypeError(`setPreviewScript: the type ${type} is neither module nor importmap`);
    if (type === "importmap") JSON.parse(text);
    this.wanted.script = { text, type: type ?? "", defer, async };
    await this.send();
  }

  /** Tell of errors in pages: the client's boot option `forwardPreviewErrors`. */
  async forwardErrors(which: boolean | "exceptions-only"): Promise<void> {
    if (which === false) return;
    this.wanted.errors = which === true ? "all" : "exceptions";
    await this.send();
  }

  private async send(): Promise<void> {
    await this.post("preview", this.wanted);
  }
}

/** What a page has said, with its port, as the client's `PreviewMessage`. Throws SyntaxError. */
export function previewMessage(port: number, json: string): object {
  return { ...(JSON.parse(json) as object), port };
}
