/** Watching files and directories, with the events that inotify gives Node on Linux. */

import type { Folder, Node } from "./nodes.ts";

/** Node's two words for what happens. */
export type WatchEvent = "rename" | "change";

/** Whoever wants to know what happens to a node, or below a directory. */
export interface Watcher {
  readonly recursive: boolean;
  heard(event: WatchEvent, name: string): void;
}

/** A watcher that tells the same event only once in a row per turn, as inotify's queue does. */
export function watcher(recursive: boolean, tell: (event: WatchEvent, name: string) => void): Watcher {
  let last = "";
  return {
    recursive,
    heard: (event, name) => {
      const key = `${event}:${name}`;
      if (key === last) return;
      if (last === "") queueMicrotask(() => (last = ""));
      last = key;
      tell(event, name);
    },
  };
}

/** Tell all that watch a node, the directory that holds it, or (recursively) those above. */
export function notify(parent: Folder, name: string, node: Node | undefined, event: WatchEvent): void {
  if (node?.watchers !== undefined) for (const each of [...node.watchers]) each.heard(event, name);
  let below = name;
  let direct = true;
  for (let at: Folder | null = parent; at !== null; at = at.parent) {
    if (at.watchers !== undefined) for (const each of [...at.watchers]) if (direct || each.recursive) each.heard(event, below);
    below = `${at.name}/${below}`;
    direct = false;
  }
}
