module.exports = "dual as CommonJS";
