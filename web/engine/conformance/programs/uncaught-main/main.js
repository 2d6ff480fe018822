const error = new TypeError("while loading");
error.detail = { code: 7 };
throw error;
