export default "a pattern";
