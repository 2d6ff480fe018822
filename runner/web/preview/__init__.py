"""Live previews: `http://<port>--<run>.localhost:<p>/…` leads to that port of a box of that run."""
