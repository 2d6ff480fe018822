for (const name of ["computed"]) exports[name] = 1;
exports.plain = 2;
