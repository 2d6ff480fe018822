// The notices of the packages that are bundled: their licences ask for them wherever the bundles go.
import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";

/** Licences under which a package may be bundled: all ask for their notice and nothing else. */
const ALLOWED = new Set(["MIT", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "Unlicense", "BlueOak-1.0.0", "Python-2.0", "MIT-0", "Zlib", "CC0-1.0"]);

/** The folder of the package that a bundled file is of, below `node_modules`; null for a file of our own. */
function folderOf(input) {
  const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
  return found?.[1] ?? null;
}

/** What a package declares, in the one form of SPDX or in older ones. */
function declared(manifest) {
  const said = manifest.license ?? manifest.licenses?.map((each) => each.type).join(" OR ");
  return typeof said === "object" ? said.type : said;
}

/** The text of a package's licence file; of its readme's last part where it has none. */
async function text(folder) {
  const names = (await readdir(folder)).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name)).sort();
  const texts = await Promise.all(names.map((name) => readFile(`${folder}/${name}`, "utf8").catch(() => "")));
  return texts.map((each) => each.trim()).filter(Boolean).join("\n\n");
}

/**
 * The notices of all packages in a bundle's inputs (paths relative to `web`), one section each, sorted by name.
 * Rejects for a package whose licence asks for more than its notice.
 */
export async function notices(web, inputs) {
  const folders = [...new Set(inputs.map(folderOf).filter((each) => each !== null && existsSync(`${web}${each}/package.json`)))];
  const sections = await Promise.all(
    folders.map(async (folder) => {
      const manifest = JSON.parse(await readFile(`${web}${folder}/package.json`, "utf8"));
      const licence = declared(manifest);
      // One of the licences to choose from will do; of those that hold together all must.
      const choices = String(licence).replace(/^\(|\)$/g, "").split(" OR ");
      if (!choices.some((choice) => choice.split(" AND ").every((each) => ALLOWED.has(each)))) {
        throw new Error(`${manifest.name} ${manifest.version} is under ${licence}, which web/licences.mjs does not allow`);
      }
      return `${manifest.name} ${manifest.version} (${licence})\n\n${await text(`${web}${folder}`)}\n`;
    }),
  );
  return [...new Set(sections)].sort().join(`\n${"-".repeat(72)}\n\n`);
}
