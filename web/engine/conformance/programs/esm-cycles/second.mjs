import "./first.mjs";
console.log("second");
