/** Types of kept packages that bring none: Node's own, whose interfaces they are. */

declare module "readable-stream/lib/stream.js" {
  import stream = require("node:stream");
  export = stream;
}

declare module "string_decoder/" {
  import decoder = require("node:string_decoder");
  export = decoder;
}

declare module "url/" {
  import url = require("node:url");
  export = url;
}

declare module "crypto-browserify" {
  import crypto = require("node:crypto");
  export = crypto;
}
