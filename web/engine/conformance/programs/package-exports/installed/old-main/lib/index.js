module.exports = "an old main";
