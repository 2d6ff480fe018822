exports.done = false;
console.log("in b, a.done is", require("./cycle-a").done);
exports.done = true;
