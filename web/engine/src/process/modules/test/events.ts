/** What a run of tests tells its reporter, as Node names it. */

/** Where a test was declared. */
export interface Location {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** How a test ended. Times in milliseconds. */
export interface Details {
  readonly duration_ms: number;
  readonly type?: "suite";
  readonly error?: unknown;
}

/** A result: `skip` and `todo` are present when the test is so, with the reason or "". */
export interface Result extends Partial<Location> {
  readonly name: string;
  readonly nesting: number;
  readonly testNumber: number;
  readonly details: Details;
  readonly skip?: string | true;
  readonly todo?: string | true;
}

export type TestEvent =
  | { readonly type: "test:start"; readonly data: { readonly name: string; readonly nesting: number } }
  | { readonly type: "test:pass" | "test:fail"; readonly data: Result }
  | { readonly type: "test:plan"; readonly data: { readonly nesting: number; readonly count: number } }
  | { readonly type: "test:diagnostic"; readonly data: { readonly nesting: number; readonly message: string } };

/** Makes text of events, one by one; `undefined` stands for the end. */
export type Reporter = (event: TestEvent | undefined) => string;

/** Why a test failed, as Node's reports call it. */
export type FailureType =
  | "testCodeFailure" | "subtestsFailed" | "hookFailed" | "testTimeoutFailure" | "cancelledByParent" | "uncaughtException"
  | "callbackAndPromisePresent" | "testAborted" | "multipleCallbackInvocations";

/** The error of a failed test: what it threw is its `cause`. */
export class TestFailure extends Error {
  readonly code = "ERR_TEST_FAILURE";

  constructor(
    readonly failureType: FailureType,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    Object.defineProperty(this, "cause", { enumerable: true });
  }
}

/** Whether a report shows the cause in the failure's stead: it is the program's own error. */
export function ownError(error: unknown): boolean {
  return error instanceof TestFailure && (error.failureType === "testCodeFailure" || error.failureType === "hookFailed" || error.failureType === "uncaughtException");
}
