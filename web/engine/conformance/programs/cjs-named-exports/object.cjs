const x = 1, y = 2;
module.exports = { x, y, "z w": 3, method() {} };
