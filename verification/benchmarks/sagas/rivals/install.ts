import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { madeOnce } from '../../../made-once.ts';
import { run } from '../../../programs.ts';

const FILES = ['package.json', 'package-lock.json'] as const;

/** The longest installation, in milliseconds. */
const INSTALL_MS = 900_000;

/** Rivals: the folder of their package files, and what is said while they are installed. */
export interface Rivals {
  readonly packages: URL;
  readonly what: string;
}

const SAGA_RIVALS: Rivals = {
  packages: new URL('packages/', import.meta.url),
  what: 'DBOS and Restate with npm (once; 240 MB on the disk)',
};

/**
 * Installs rivals with npm, once, in a folder of their own: `npm ci` of the kit stays small. No script of a package
 * runs. Returns the folder; rejects with the reason when npm cannot install them.
 */
export async function installRivals(
  parent: string,
  say: (line: string) => void,
  { packages, what }: Rivals = SAGA_RIVALS,
): Promise<string> {
  const fileOf = (name: (typeof FILES)[number]): string => fileURLToPath(new URL(name, packages));
  const hash = createHash('sha256');
  for (const name of FILES) hash.update(readFileSync(fileOf(name)));
  return madeOnce(resolve(parent, hash.digest('hex').slice(0, 12)), async (partial) => {
    say(`installing ${what}`);
    mkdirSync(partial);
    for (const name of FILES) copyFileSync(fileOf(name), join(partial, name));
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: partial,
      env: { ...process.env, NODE_OPTIONS: '', SCARF_ANALYTICS: 'false', DO_NOT_TRACK: '1' },
      timeout: INSTALL_MS,
      maxBuffer: 16_777_216,
    }).catch((error: unknown) => {
      throw new Error(reasonOf(error), { cause: error });
    });
    return undefined;
  });
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && 'syscall' in error && error.syscall === 'spawn npm')
    return 'npm was not found';
  const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  const line = output.split('\n').find((candidate) => candidate.includes('error')) ?? output.slice(0, 300);
  return `npm could not install them: ${line.trim()}`;
}
