const _ = require("lodash");
const fp = require("lodash/fp");

console.log(_.chunk([1, 2, 3, 4, 5], 2), _.groupBy(["one", "two", "three"], "length"), _.merge({ a: { b: 1 } }, { a: { c: 2 } }), _.get({ a: [{ b: 3 }] }, "a[0].b"));
console.log(_.isEqual({ a: new Map([[1, 2]]) }, { a: new Map([[1, 2]]) }), _.camelCase("some words here"), _.template("<%= name %> & <%- '<b>' %>")({ name: "x" }), _(["c", "a", "b"]).sortBy().reverse().value());
console.log(_.cloneDeep({ b: Buffer.from("x"), d: new Date(0), r: /x/g }), _.range(4), _.debounce(() => {}, 1).name, fp.flow(fp.map((n) => n * 2), fp.sum)([1, 2, 3]));
