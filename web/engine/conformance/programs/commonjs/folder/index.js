module.exports = "index of the folder";
