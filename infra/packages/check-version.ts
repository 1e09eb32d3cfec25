/** Fails unless every publishable package and the chart have the given version: `node infra/packages/check-version.ts 1.2.3`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { publishedPackages, root } from './workspaces.ts';

const [wanted] = process.argv.slice(2);
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const packages = publishedPackages().map(({ manifest }) => manifest);
const chart = parse(read('infra/helm/converge/Chart.yaml')) as { version: string; appVersion: string };
const others = [
  ...packages,
  { name: 'the chart', version: chart.version },
  { name: 'the image of the chart (appVersion)', version: chart.appVersion },
].filter(({ version }) => version !== wanted);
for (const { name, version } of others)
  process.stderr.write(`${name} has version ${version}, and the tag is v${wanted ?? ''}\n`);
process.exitCode = others.length === 0 ? 0 : 1;
