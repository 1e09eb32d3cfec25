/** Fails unless every publishable package has the given version: `node infra/packages/check-version.ts 1.2.3`. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from './manifest.ts';
import { root } from './stage.ts';

const [wanted] = process.argv.slice(2);
const others = globSync('libs/*/package.json', { cwd: root })
  .map((path) => JSON.parse(readFileSync(join(root, path), 'utf8')) as Manifest)
  .filter(({ version }) => version !== wanted);
for (const { name, version } of others)
  process.stderr.write(`${name} has version ${version}, and the tag is v${wanted ?? ''}\n`);
process.exitCode = others.length === 0 ? 0 : 1;
