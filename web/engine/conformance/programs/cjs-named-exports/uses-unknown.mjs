import { computed } from "./defined.cjs";
console.log(computed);
