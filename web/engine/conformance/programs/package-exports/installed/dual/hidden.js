module.exports = "hidden";
