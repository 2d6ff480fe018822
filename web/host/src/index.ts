/** The host side as a library, for a page of one's own: see docs/webcontainer.md. */
export { WebContainerTool } from "./tool.ts";
export type { Booted, BootRequest, SpawnRequest } from "./tool.ts";
export { HostError } from "./failure.ts";
export type { HostCode } from "./failure.ts";
export type { Emit, ToolEvent, ToolState } from "./events.ts";
