// The bill of materials: all cargo and npm packages that this version is built from, as CycloneDX 1.6 in JSON, to standard
// output. From the root of the repository: node deploy/sbom.mjs >sbom.json, or `make sbom`. Needs node and cargo.
//
// Scope "required": it is part of the binary. "excluded": it is used to build or test only. The serial number is a hash
// of the content, so that the same sources give the same document.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const cargoOptions = { encoding: "utf8", maxBuffer: 1 << 28 };
const metadata = JSON.parse(execFileSync("cargo", ["metadata", "--locked", "--format-version", "1"], cargoOptions));
const lock = readFileSync("Cargo.lock", "utf8");
const npm = JSON.parse(readFileSync("web/package-lock.json", "utf8"));

/** Checksums of the lock file by "name version". */
const checksums = new Map(
  lock.split("[[package]]").flatMap((entry) => {
    const field = (name) => entry.match(new RegExp(`^${name} = "(.*)"$`, "m"))?.[1];
    return field("checksum") ? [[`${field("name")} ${field("version")}`, field("checksum")]] : [];
  }),
);

/** The packages that are reached from the root without development and build dependencies. */
function linked() {
  const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
  const reached = new Set();
  const waiting = [metadata.resolve.root];
  while (waiting.length > 0) {
    const id = waiting.pop();
    if (reached.has(id)) continue;
    reached.add(id);
    const kept = nodes.get(id).deps.filter((dep) => dep.dep_kinds.some(({ kind }) => kind === null));
    waiting.push(...kept.map((dep) => dep.pkg));
  }
  return reached;
}

/** A licence as CycloneDX writes it: an SPDX expression. Old packages separate alternatives by a slash. */
const licences = (text) => (text ? { licenses: [{ expression: text.replaceAll("/", " OR ").replace(/\s+/g, " ") }] } : {});

const inBinary = linked();
const crates = metadata.packages
  .filter(({ id }) => id !== metadata.resolve.root)
  .map(({ id, name, version, license, description }) => {
    const purl = `pkg:cargo/${name}@${encodeURIComponent(version)}`;
    const checksum = checksums.get(`${name} ${version}`);
    return {
      type: "library",
      "bom-ref": purl,
      name,
      version,
      ...(description ? { description: description.trim() } : {}),
      scope: inBinary.has(id) ? "required" : "excluded",
      ...(checksum ? { hashes: [{ alg: "SHA-256", content: checksum }] } : {}),
      ...licences(license),
      purl,
    };
  });

/** "sha512-BASE64" as CycloneDX writes it. */
function integrity(text) {
  const [, alg, base64] = text?.match(/^(sha\d+)-(\S+)$/) ?? [];
  if (!alg) return {};
  const content = Buffer.from(base64, "base64").toString("hex");
  return { hashes: [{ alg: alg.toUpperCase().replace("SHA", "SHA-"), content }] };
}

/** Fonts are needed for building only, as npm sees it; their files are part of the binary. */
const fonts = ["@expo-google-fonts/noto-sans", "@fontsource/noto-sans"];

const modules = Object.entries(npm.packages)
  .filter(([path]) => path !== "")
  .map(([path, entry]) => {
    const full = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const [group, name] = full.startsWith("@") ? full.split("/") : [undefined, full];
    const purl = `pkg:npm/${group ? `${encodeURIComponent(group)}/` : ""}${name}@${encodeURIComponent(entry.version)}`;
    return {
      type: "library",
      "bom-ref": purl,
      ...(group ? { group } : {}),
      name,
      version: entry.version,
      scope: entry.dev && !fonts.includes(full) ? "excluded" : "required",
      ...integrity(entry.integrity),
      ...licences(entry.license),
      purl,
    };
  });

// A package may lie in more than one folder; it is one component.
const components = [...new Map([...crates, ...modules].map((component) => [component["bom-ref"], component])).values()];
components.sort((a, b) => (a["bom-ref"] < b["bom-ref"] ? -1 : 1));

const root = metadata.packages.find(({ id }) => id === metadata.resolve.root);
const hash = createHash("sha256").update(JSON.stringify([root.version, components])).digest("hex");
const uuid = [hash.slice(0, 8), hash.slice(8, 12), `5${hash.slice(13, 16)}`, `8${hash.slice(17, 20)}`, hash.slice(20, 32)];
const document = {
  $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
  bomFormat: "CycloneDX",
  specVersion: "1.6",
  serialNumber: `urn:uuid:${uuid.join("-")}`,
  version: 1,
  metadata: {
    component: {
      type: "application",
      "bom-ref": `pkg:cargo/${root.name}@${root.version}`,
      name: root.name,
      version: root.version,
      description: root.description,
      licenses: [{ expression: root.license }],
      purl: `pkg:cargo/${root.name}@${root.version}`,
    },
  },
  components,
};
process.stdout.write(`${JSON.stringify(document, null, 1)}\n`);
