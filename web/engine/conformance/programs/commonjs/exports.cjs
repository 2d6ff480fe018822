exports.named = "named";
exports["other name"] = 1;
