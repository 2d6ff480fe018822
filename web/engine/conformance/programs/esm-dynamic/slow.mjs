export let value = "not yet";
await new Promise((done) => setTimeout(done, 10));
value = "ready";
