import { z } from "zod";

const User = z.object({ name: z.string().min(2), age: z.coerce.number().int().positive(), tags: z.array(z.enum(["a", "b"])).default([]), mail: z.email().optional() });
console.log(User.parse({ name: "Ada", age: "36" }));
const failed = User.safeParse({ name: "x", age: -1, tags: ["c"], mail: "no" });
console.log(failed.success, failed.error.issues, z.prettifyError(failed.error));
console.log(await z.string().refine(async (text) => text === "yes").safeParseAsync("no").then((result) => result.success), z.toJSONSchema(User));
try { User.parse(5); } catch (error) { console.log(error.name, error instanceof z.ZodError, error.message); }
