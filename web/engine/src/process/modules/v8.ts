/** `v8`: structured clones as bytes; what tells of V8's heap is refused. */

import { refusal } from "./errors.ts";
import { deserialize } from "./v8/reader.ts";
import { serialize } from "./v8/writer.ts";
import { validateString } from "./validate.ts";

const no = (name: string, why = ""): ((...args: unknown[]) => never) => refusal(`v8.${name}`, why);

/** The module, with the keys of Node's in its order. */
export const v8 = {
  cachedDataVersionTag: no("cachedDataVersionTag"),
  getHeapSnapshot: no("getHeapSnapshot"),
  getHeapStatistics: no("getHeapStatistics", "a browser does not tell a Worker its heap"),
  getHeapSpaceStatistics: no("getHeapSpaceStatistics"),
  getHeapCodeStatistics: no("getHeapCodeStatistics"),
  setFlagsFromString: (flags: unknown) => {
    validateString(flags, "flags");
    no("setFlagsFromString")();
  },
  Serializer: no("Serializer"), Deserializer: no("Deserializer"), DefaultSerializer: no("DefaultSerializer"), DefaultDeserializer: no("DefaultDeserializer"),
  deserialize, takeCoverage: no("takeCoverage"), stopCoverage: no("stopCoverage"), serialize,
  writeHeapSnapshot: no("writeHeapSnapshot"),
  promiseHooks: { createHook: no("promiseHooks.createHook"), onInit: no("promiseHooks.onInit"), onBefore: no("promiseHooks.onBefore"), onAfter: no("promiseHooks.onAfter"), onSettled: no("promiseHooks.onSettled") },
  queryObjects: no("queryObjects"),
  startupSnapshot: { isBuildingSnapshot: () => false, addSerializeCallback: no("startupSnapshot.addSerializeCallback"), addDeserializeCallback: no("startupSnapshot.addDeserializeCallback"), setDeserializeMainFunction: no("startupSnapshot.setDeserializeMainFunction") },
  setHeapSnapshotNearHeapLimit: no("setHeapSnapshotNearHeapLimit"),
  GCProfiler: no("GCProfiler"),
};
