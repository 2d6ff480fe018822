export default "dual as a module";
