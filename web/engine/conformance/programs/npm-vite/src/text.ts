export const text: string = "text of the page";
