export default "internal by the node condition";
