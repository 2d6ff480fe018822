throw Object.assign(new TypeError("while loading"), {
  detail: { code: 7 },
});
