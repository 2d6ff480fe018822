const rejected = Promise.reject("no");
rejected.catch(() => {});
console.log(Promise.resolve(4), new Promise(() => {}), rejected);
console.log(new Map([[1, 2]]).entries(), new Set([1]).values());
console.log({ *generator() {} });
