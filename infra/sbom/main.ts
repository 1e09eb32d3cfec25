/**
 * Writes the bill of materials of the published packages to `.converge/sbom/converge.cdx.json` (`write`), or only checks
 * it (`check`): every license is on the list, every package has a hash and each direct dependency an explanation.
 * It reads package-lock.json itself: `npm sbom` names packages of a workspace by their folders, and leaves some out.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../packages/manifest.ts';
import { publishedManifests, publishedPackages, root } from '../packages/workspaces.ts';
import { billOf, countsOf, faultsOf, isOwn } from './bill.ts';
import { closureOf, lockFile } from './lock.ts';

const [what = ''] = process.argv.slice(2);
if (what !== 'write' && what !== 'check') {
  process.stderr.write('usage: node infra/sbom/main.ts write|check\n');
  process.exit(2);
}
const published = publishedPackages();
const lock = lockFile.parse(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')));
const bill = billOf(
  closureOf(
    lock,
    published.map(({ folder }) => folder),
  ),
  'convergekit',
);
const components = [bill.metadata.component, ...bill.components];
const faults = [
  ...faultsOf(components),
  ...unexplained(publishedManifests(), await readFile(join(root, 'docs/dependencies.md'), 'utf8')),
];
for (const fault of faults) process.stderr.write(`${fault}\n`);
if (what === 'write') {
  await mkdir(join(root, '.converge/sbom'), { recursive: true });
  await writeFile(join(root, '.converge/sbom/converge.cdx.json'), `${JSON.stringify(bill, null, 2)}\n`);
  const own = components.filter(isOwn).length;
  process.stdout.write(
    `.converge/sbom/converge.cdx.json: CycloneDX ${bill.specVersion}, ${own} packages of this repository, ${components.length - own} of others\n`,
  );
  for (const [license, count] of countsOf(components))
    process.stdout.write(`${String(count).padStart(5)}  ${license || '(none)'}\n`);
}
process.exitCode = faults.length === 0 ? 0 : 1;

/** The foreign packages that the published ones name, as dependencies or as peers, sorted. */
function foreignNames(packages: readonly Manifest[]): readonly string[] {
  const names = packages.flatMap((manifest) => [
    ...Object.keys(manifest['dependencies'] ?? {}),
    ...Object.keys(manifest['peerDependencies'] ?? {}),
  ]);
  return [...new Set(names)].filter((name) => !isOwn({ name })).toSorted();
}

/** The packages with a row in docs/dependencies.md, sorted. */
function explainedNames(page: string): readonly string[] {
  return [...page.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name ?? '').toSorted();
}

/** Names dependencies without a row, and rows without a dependency. */
function unexplained(packages: readonly Manifest[], page: string): readonly string[] {
  const named = foreignNames(packages);
  const rows = explainedNames(page);
  return [
    ...named
      .filter((name) => !rows.includes(name))
      .map((name) => `docs/dependencies.md has no row for ${name}: say what it is for and who keeps it`),
    ...rows
      .filter((name) => !named.includes(name))
      .map((name) => `docs/dependencies.md has a row for ${name}, on which no published package depends`),
  ];
}
