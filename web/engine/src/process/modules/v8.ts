/** `v8`: what a page may know of its heap, and structured clones as bytes. */

import { refusal } from "./errors.ts";
import { deserialize } from "./v8/reader.ts";
import { serialize } from "./v8/writer.ts";
import { validateString } from "./validate.ts";

const memory = (): { used: number; total: number; limit: number } => {
  const found = (performance as { memory?: { usedJSHeapSize: number; totalJSHeapSize: number; jsHeapSizeLimit: number } }).memory;
  return { used: found?.usedJSHeapSize ?? 0, total: found?.totalJSHeapSize ?? 0, limit: found?.jsHeapSizeLimit ?? 2 ** 32 };
};

const no = (name: string, why = ""): ((...args: unknown[]) => never) => refusal(`v8.${name}`, why);

/** The module, with the keys of Node's in its order. */
export const v8 = {
  cachedDataVersionTag: no("cachedDataVersionTag"),
  getHeapSnapshot: no("getHeapSnapshot"),
  getHeapStatistics: () => {
    const { used, total, limit } = memory();
    return {
      total_heap_size: total, total_heap_size_executable: 0, total_physical_size: total, total_available_size: limit - used,
      used_heap_size: used, heap_size_limit: limit, malloced_memory: 0, peak_malloced_memory: 0, does_zap_garbage: 0,
      number_of_native_contexts: 1, number_of_detached_contexts: 0, total_global_handles_size: 0, used_global_handles_size: 0, external_memory: 0,
    };
  },
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
