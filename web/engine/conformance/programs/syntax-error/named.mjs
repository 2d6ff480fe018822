import { nothing } from "node:path";
console.log(nothing);
