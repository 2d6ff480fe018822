exports.done = false;
console.log("in a, b.done is", require("./cycle-b").done);
exports.done = true;
