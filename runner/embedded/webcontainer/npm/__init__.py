"""`npm install` and `npm ci` for containers, by the machine's own npm; scripts of packages never run."""
