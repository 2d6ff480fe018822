/** What `node-inspect-extracted` exports beside what its own types say. */

import "node-inspect-extracted";

declare module "node-inspect-extracted" {
  /** Columns that a text takes on a terminal. */
  export function getStringWidth(text: string): number;
}
