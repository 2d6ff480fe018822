/**
 * The edits that let async contexts pass through `await`, and that give `import()` to the engine's loader.
 *
 * An await keeps its place and its ticks; around it go calls that remember the frame and come back to it:
 * `await X` → `resume(hold(X), await take())`. Where an await may throw into a `catch` or `finally` of the same
 * function, or a `for await` may end, a variable of the function holds what was remembered.
 */

import type { AnyNode, Function as FunctionNode, ForOfStatement, Program, TryStatement } from "acorn";
import type { Edit } from "./edits.ts";

/** Name of the object that the engine passes to texts it has edited. */
export const RUNTIME = "__runner$";
/** The variable in which a function remembers the frame of the await under way. */
export const SAVED = "__runner$saved";

const RECOVER = `${SAVED}=${RUNTIME}.recover(${SAVED});`;

/** One function, or the program itself. */
interface Unit {
  readonly node: FunctionNode | Program;
  readonly asynchronous: boolean;
  /** Whether it needs the variable. */
  saves: boolean;
  readonly awaits: AnyNode[];
  readonly tries: TryStatement[];
  readonly loops: { readonly loop: ForOfStatement; readonly label: AnyNode }[];
}

/** What was found, besides the edits. */
export interface Awaits {
  readonly edits: Edit[];
  /** Whether the program itself awaits, outside all functions. */
  readonly topLevel: boolean;
  /** Whether the program itself needs the variable. */
  readonly topLevelSaves: boolean;
}

/** The children of a node, in the order of the text. */
export function children(node: AnyNode): AnyNode[] {
  const found: AnyNode[] = [];
  for (const key in node) {
    const value = (node as unknown as Record<string, unknown>)[key];
    if (typeof value !== "object" || value === null) continue;
    if (Array.isArray(value)) {
      for (const item of value as unknown[]) if (isNode(item)) found.push(item);
    } else if (isNode(value)) found.push(value);
  }
  return found;
}

const isNode = (value: unknown): value is AnyNode => typeof (value as { type?: unknown } | null)?.type === "string";

const unitOf = (node: FunctionNode | Program, asynchronous: boolean): Unit => ({ node, asynchronous, saves: false, awaits: [], tries: [], loops: [] });

/** All edits of a program. */
export function awaitEdits(program: Program, metaName: string | undefined): Awaits {
  const edits: Edit[] = [];
  const top = unitOf(program, true);
  const units = [top];
  const visit = (node: AnyNode, unit: Unit, label: AnyNode | undefined): void => {
    let inside = unit;
    if (node.type === "FunctionDeclaration" || node.type === "FunctionExpression" || node.type === "ArrowFunctionExpression") {
      inside = unitOf(node, node.async);
      units.push(inside);
    } else collect(node, unit, label, edits, metaName);
    const outer = node.type === "LabeledStatement" ? label ?? node : undefined;
    for (const child of children(node)) visit(child, inside, outer);
  };
  for (const statement of program.body) visit(statement, top, undefined);
  for (const unit of units) finish(unit, edits, unit === top);
  return { edits, topLevel: top.awaits.length > 0 || top.loops.length > 0, topLevelSaves: top.saves };
}

function collect(node: AnyNode, unit: Unit, label: AnyNode | undefined, edits: Edit[], metaName: string | undefined): void {
  if (node.type === "AwaitExpression") unit.awaits.push(node);
  else if (node.type === "TryStatement") unit.tries.push(node);
  else if (node.type === "ForOfStatement" && node.await) unit.loops.push({ loop: node, label: label ?? node });
  else if (node.type === "ImportExpression") edits.push({ at: node.start, remove: 6, insert: `${RUNTIME}.load` });
  else if (node.type === "MetaProperty" && node.meta.name === "import" && metaName !== undefined) {
    edits.push({ at: node.start, remove: node.end - node.start, insert: metaName });
  }
}

function finish(unit: Unit, edits: Edit[], isTop: boolean): void {
  if (!unit.asynchronous || (unit.awaits.length === 0 && unit.loops.length === 0)) return;
  unit.saves = unit.tries.length > 0 || unit.loops.length > 0;
  if (unit.saves && !isTop) declare(unit.node as FunctionNode, edits);
  // What opens outside comes first: a loop's body may begin with an await.
  for (const { loop, label } of unit.loops) loopEdit(loop, label, edits);
  for (const node of unit.tries) tryEdit(node, edits);
  for (const node of unit.awaits) awaitEdit(node, unit.saves, edits);
}

function awaitEdit(node: AnyNode, saves: boolean, edits: Edit[]): void {
  const keep = saves ? `${SAVED}=` : "";
  edits.push({ at: node.start, remove: 5, insert: `${RUNTIME}.resume(${keep}${RUNTIME}.hold(` });
  edits.push({ at: node.end, remove: 0, insert: `),await ${RUNTIME}.take()${saves ? `,${SAVED}=null` : ""})`, closes: node.start });
}

function tryEdit(node: TryStatement, edits: Edit[]): void {
  for (const block of [node.handler?.body, node.finalizer]) {
    if (block) edits.push({ at: block.start + 1, remove: 0, insert: RECOVER });
  }
}

function loopEdit(loop: ForOfStatement, label: AnyNode, edits: Edit[]): void {
  edits.push({ at: label.start, remove: 0, insert: "{" });
  edits.push({ at: loop.right.start, remove: 0, insert: `${RUNTIME}.steps((` });
  edits.push({ at: loop.right.end, remove: 0, insert: `),($)=>{${SAVED}=$})`, closes: loop.right.start });
  const block = loop.body.type === "BlockStatement";
  edits.push({ at: block ? loop.body.start + 1 : loop.body.start, remove: 0, insert: block ? RECOVER : `{${RECOVER}` });
  edits.push({ at: loop.end, remove: 0, insert: `${block ? "" : "}"}${RECOVER}}`, closes: label.start });
}

/** The variable goes behind the directives, which must stay first. */
function declare(node: FunctionNode, edits: Edit[]): void {
  if (node.body.type !== "BlockStatement") return;
  let at = node.body.start + 1;
  let insert = `var ${SAVED};`;
  for (const statement of node.body.body) {
    if (statement.type !== "ExpressionStatement" || statement.directive === undefined) break;
    at = statement.end;
    insert = `;var ${SAVED};`;
  }
  edits.push({ at, remove: 0, insert });
}
