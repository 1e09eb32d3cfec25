/**
 * Writes the bill of materials of the published packages to `.converge/sbom/converge.cdx.json` (`write`), or only checks
 * it (`check`): every license is on the list, every package has a hash and each direct dependency an explanation.
 * It reads package-lock.json itself: `npm sbom` names packages of a workspace by their folders, and leaves some out.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../packages/stage.ts';
import { billOf, countsOf, faultsOf, isOwn } from './bill.ts';
import { publishedPackages, unexplained } from './dependencies.ts';
import { closureOf, lockFile } from './lock.ts';

const [what = ''] = process.argv.slice(2);
if (what !== 'write' && what !== 'check') {
  process.stderr.write('usage: node infra/sbom/main.ts write|check\n');
  process.exit(2);
}
const published = publishedPackages(root);
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
  ...unexplained(
    published.map(({ manifest }) => manifest),
    await readFile(join(root, 'docs/dependencies.md'), 'utf8'),
  ),
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
