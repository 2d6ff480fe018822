console.log("a", new URL(import.meta.url).search);
export default "A";
