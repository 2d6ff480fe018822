export const six = 6;
export const unused = "shaken off";
