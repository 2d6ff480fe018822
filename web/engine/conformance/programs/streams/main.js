const { Duplex, PassThrough, Readable, Transform, Writable, finished, pipeline, addAbortSignal } = require("stream");

const log = (...words) => console.log(...words);
let n = 0;
const counting = new Readable({ highWaterMark: 4, read() { this.push(n < 5 ? String(n++) : null); } });
const slow = new Writable({
  highWaterMark: 2,
  decodeStrings: false,
  write(chunk, encoding, done) { log("write", chunk.toString(), encoding); setTimeout(done, 1); },
  final(done) { log("final"); done(); },
});
pipeline(counting, new Transform({ transform(chunk, _, done) { done(null, chunk + chunk); }, flush(done) { this.push("end"); done(); } }), slow, (error) => {
  log("pipeline", error, slow.writableFinished, counting.destroyed);
  objects();
});
log(slow.write("a"), slow.write("b"), slow.writableLength, slow.writableNeedDrain);

function objects() {
  const doubled = new Transform({ objectMode: true, transform(value, _, done) { if (value > 2) done(new Error("too big")); else done(null, { value }); } });
  doubled.on("data", (data) => log("data", data));
  doubled.on("error", (error) => log("error", error.message));
  doubled.on("close", () => { log("close", doubled.destroyed, doubled.errored.message); paused(); });
  for (const value of [1, 2, 3, 4]) doubled.write(value);
}

function paused() {
  const through = new PassThrough();
  through.write("abcdef");
  through.end("ghi");
  through.once("readable", () => {
    log(through.read(2).toString(), through.readableLength, through.readableFlowing);
    through.unshift(Buffer.from("XY"));
    log(through.read().toString());
    through.setEncoding("utf8");
    through.on("data", (text) => log("text", text));
    through.on("end", duplex);
  });
}

function duplex() {
  const received = [];
  const both = new Duplex({ read() { this.push("from"); this.push(null); }, write(chunk, _, done) { received.push(chunk); done(); }, writev: undefined });
  finished(both, (error) => { log("finished", error, Buffer.concat(received).toString()); errors(); });
  both.cork();
  both.write("to ");
  both.end("there");
  both.on("data", (chunk) => log(chunk.toString()));
}

function errors() {
  const closed = new Writable({ write(chunk, _, done) { done(); } });
  closed.end();
  closed.on("error", (error) => {
    log(error.code, error.message);
    const abort = new AbortController();
    const stream = addAbortSignal(abort.signal, new Readable({ read() {} }));
    stream.on("error", (error) => {
      log(error.name, error.code);
      pipeline(new Readable({ read() { this.destroy(); } }), new PassThrough(), (error) => {
        log(error.code);
        Readable.from(["x", "y"]).pipe(new PassThrough()).on("data", (data) => log("from", data.toString()));
      });
    });
    abort.abort();
  });
  closed.write("late");
}
log(require("stream").Stream === require("stream"), Readable.prototype instanceof require("stream"), new Readable().readableHighWaterMark > 0);
