import { six } from "./six";
import data from "./data.json";
export const answer: number = six * data.seven;
