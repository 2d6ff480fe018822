module.exports = "entry of the package";
