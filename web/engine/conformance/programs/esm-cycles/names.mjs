export default class { hello() { return `hello from ${this.constructor.name}`; } }
const kept = "kept";
export { kept as renamed, kept as "string name" };
