export default "a scoped pattern";
