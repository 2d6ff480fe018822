import { greet, Greeting } from "./greet";

const made: Greeting = greet("compiled");
console.log(made.text);
