module.exports = "feature as CommonJS";
