export default "feature as a module";
