import common, { named as fromCommon } from "./exports.cjs";
export default common;
export const named = fromCommon;
