await null;
export default "B";
