/** What `node-inspect-extracted` exports beside what its own types say. */

import "node-inspect-extracted";

declare module "node-inspect-extracted" {
  const all: {
    /** Columns that a text takes on a terminal. */
    readonly getStringWidth: (text: string) => number;
  };
  export default all;
}
