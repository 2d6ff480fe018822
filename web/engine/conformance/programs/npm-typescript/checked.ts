const list: number[] = ["not a number"];
function twice(n: number): string { return n * 2; }
export const sum = list.map((n) => n.lenght);
