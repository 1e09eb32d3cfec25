import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runIn } from '../programs.ts';

/** The tools of this check, by the name under which they are installed. Node 24 is the repository's own. */
const TOOLS: Readonly<Record<string, string>> = {
  '@arethetypeswrong/cli': '0.18.5',
  esbuild: '0.28.2',
  publint: '0.3.25',
  'typescript-5': 'npm:typescript@5.9.3',
  'typescript-7': 'npm:typescript@7.0.2',
  'node-22': `npm:node-${process.platform}-${process.arch}@22.23.3`,
};

/** Paths of the tools. */
export interface Tools {
  readonly esbuild: string;
  readonly publint: string;
  readonly attw: string;
  readonly typescript: Readonly<Record<'5.9' | '7.0', string>>;
  readonly node: Readonly<Record<'22' | '24', string>>;
}

/** The arguments with which npm installs as a user would, without scripts. */
export const INSTALL = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts'];

/** Installs the tools into a folder, once. */
export async function installTools(folder: string): Promise<Tools> {
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
