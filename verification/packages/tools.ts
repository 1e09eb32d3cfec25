import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runIn } from '../programs.ts';
import type { Packed } from '../../infra/packages/stage.ts';

/** The tools of this check, by the name under which they are installed. Node 24 is the repository's own. */
const TOOLS: Readonly<Record<string, string>> = {
  '@arethetypeswrong/cli': '0.18.5',
  esbuild: '0.28.2',
  publint: '0.3.25',
  'typescript-5': 'npm:typescript@5.9.3',
  'typescript-7': 'npm:typescript@7.0.2',
  'node-22': `npm:node-${process.platform}-${process.arch}@22.23.3`,
};

export type Tools = Awaited<ReturnType<typeof installTools>>;

/** The arguments with which npm installs as a user would, without scripts. */
export const INSTALL = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts'];

/** Installs the tools into a folder, once. */
export async function installTools(folder: string) {
  const manifest = `${JSON.stringify({ private: true, dependencies: TOOLS }, null, 2)}\n`;
  const stamp = join(folder, 'installed.json');
  if (!existsSync(stamp) || (await readFile(stamp, 'utf8')) !== manifest) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'package.json'), manifest);
    await runIn(folder, 'npm', INSTALL);
    await writeFile(stamp, manifest);
  }
  const at = (path: string): string => join(folder, 'node_modules', path);
  return {
    // The platform's own program: its wrapper needs a script after the installation.
    esbuild: at(`@esbuild/${process.platform}-${process.arch}/bin/esbuild`),
    publint: at('publint/src/cli.js'),
    attw: at('@arethetypeswrong/cli/dist/index.js'),
    typescript: { '5.9': at('typescript-5/bin/tsc'), '7.0': at('typescript-7/bin/tsc') },
    node: { '22': at('node-22/bin/node'), '24': process.execPath },
  };
}

/** Checks a packed package with publint and attw. Resolves with what they found. */
export async function lintPackage(
  { name, folder, tarball }: Packed,
  { publint, attw, node }: Tools,
): Promise<readonly string[]> {
  const lint = (...args: readonly string[]) => runIn(folder, node['24'], args, { NO_COLOR: '1' });
  const found: string[] = [];
  const note = (tool: string) => (error: unknown) => {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    found.push(`${tool}: ${name}\n${stdout}${stderr}`);
  };
  await lint(publint, 'run', '--strict', '--pack', 'false', folder).catch(note('publint'));
  // The packages are ES modules; CommonJS reads them by require(esm), which every supported Node has.
  await lint(attw, '--profile', 'esm-only', '--format', 'ascii', tarball).catch(note('attw'));
  return found;
}

/** Publishes each package without the registry's part. Rejects with what npm corrects in a package.json, or warns of. */
export async function publishDry(packed: readonly Packed[]): Promise<void> {
  const found: string[] = [];
  for (const { name, folder } of packed) {
    const publish = ['publish', '--dry-run', '--ignore-scripts', '--json'];
    const { stderr } = await runIn(folder, 'npm', publish, { npm_config_loglevel: 'warn' });
    found.push(...warnings(stderr).map((line) => `${name}: ${line}`));
  }
  if (found.length > 0) throw new Error(found.join('\n'));
}

/** The warnings of npm about what is published: not those that it publishes to no registry, or without a login (pure). */
function warnings(stderr: string): readonly string[] {
  const expected = /This command requires you to be logged in|Unknown (env|user) config/;
  return stderr.split('\n').filter((line) => line.startsWith('npm warn') && !expected.test(line));
}
