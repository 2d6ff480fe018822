const v8 = require("v8");

console.log(v8.deserialize(v8.serialize({ a: [1n, new Map([[1, 2]])], b: new Date(0) })));
console.log(v8.getHeapStatistics().total_heap_size > 0);
