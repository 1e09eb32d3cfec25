/** Packs every publishable package into a folder, as the release publishes it: `node infra/packages/main.ts <folder>`. */
import { resolve } from 'node:path';
import type { Origin } from './manifest.ts';
import { packAll } from './stage.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('usage: node infra/packages/main.ts <folder>\n');
  process.exit(2);
}

/** The repository of a run in CI. */
function originOf(env: NodeJS.ProcessEnv): Origin | undefined {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_REF_NAME: ref } = env;
  return server === undefined || repository === undefined || ref === undefined
    ? undefined
    : { url: `${server}/${repository}`, ref };
}

// In the order of their dependencies, so that a package is never published before what it needs.
const packed = await packAll(resolve(folder), originOf(process.env));
const written = new Set<string>();
while (written.size < packed.length)
  for (const { name, needs, tarball } of packed)
    if (!written.has(name) && needs.every((one) => written.has(one))) {
      written.add(name);
      process.stdout.write(`${tarball}\n`);
    }
