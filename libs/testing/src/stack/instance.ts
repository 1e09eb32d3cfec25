import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { dockerEngine } from './docker-package.ts';
import { endRecorded, readIdentity } from './owned-process.ts';
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.ts';
import { DevStackError } from './stack-error.ts';
import { assertPortFree } from './ports.ts';

/**
 * The kind of a running stack: `up` is kept running by a person (`make stack`), `run` belongs to a test run, demo or
 * benchmark.
 */
export type InstanceKind = 'up' | 'run';

/**
 * A separate folder for each running stack, `<data>/stacks/<kind>-<pid>-<random>`, so that `make test` and `make dev`
 * share nothing. The folder names its owner; after the owner's death the next start ends the remains.
 */
export interface Instance {
  readonly folder: string;
  /** The label of the instance's containers. */
  readonly name: string;
  /** Records a folder outside of `folder` that goes with it. */
  addElsewhere(path: string): void;
  /** Records, before the first container exists, that containers with the instance's name may exist. */
  expectContainers(): void;
  remove(): Promise<void>;
}

export interface InstanceRecord {
  readonly kind: InstanceKind;
  readonly folder: string;
  readonly owner: ProcessIdentity;
  readonly alive: boolean;
}

const PID_FILES = ['postgres.pid', 'kafka.pid', 'pgbouncer.pid'];
/** The file whose presence says that the instance may have containers. */
const CONTAINERS = 'containers';
/** The file that lists folders outside of the instance which are removed with it. */
const ELSEWHERE = 'elsewhere';
const REMOVAL = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 };

export function dataFolder(dataDir = '.converge'): string {
  return resolve(dataDir);
}

export function createInstance(dataDir: string, kind: InstanceKind): Instance {
  const stacks = join(dataDir, 'stacks');
  const name = `${kind}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const folder = join(stacks, name);
  const unnamed = join(stacks, `.${name}`);
  mkdirSync(unnamed, { recursive: true });
  writeFileSync(join(unnamed, 'owner.json'), JSON.stringify(identityOf(process.pid)));
  renameSync(unnamed, folder); // the folder appears together with its owner, or not at all
  return { ...recordsOf(folder), name, remove: () => removeFolder(folder) };
}

function recordsOf(folder: string): Pick<Instance, 'folder' | 'expectContainers' | 'addElsewhere'> {
  return {
    folder,
    expectContainers: () => writeFileSync(join(folder, CONTAINERS), ''),
    addElsewhere: (path) => appendFileSync(join(folder, ELSEWHERE), `${path}\n`),
  };
}

/**
 * The instance whose data stay in `folder` when its servers have ended. Ends what a dead owner left there. Rejects with
 * STACK_IN_USE while another process has it.
 */
export async function keptInstance(folder: string): Promise<Instance> {
  const ownerFile = join(folder, 'owner.json');
  const owner = readIdentity(ownerFile);
  if (owner !== undefined && isAlive(owner))
    throw new DevStackError(
      'STACK_IN_USE',
      `process ${owner.pid} (${owner.command}) has the data in ${folder}: end it, run the services together (\`converge dev a.ts b.ts\`), or set DATABASE_URL to another server`,
    );
  await Promise.all(PID_FILES.map((name) => endRecorded(join(folder, name))));
  await removeElsewhere(folder);
  mkdirSync(folder, { recursive: true });
  writeFileSync(ownerFile, JSON.stringify(identityOf(process.pid)));
  return {
    ...recordsOf(folder),
    name: basename(folder),
    remove: async () => {
      await removeElsewhere(folder);
      await rm(ownerFile, { force: true });
    },
  };
}

export function listInstances(dataDir: string): readonly InstanceRecord[] {
  const stacks = join(dataDir, 'stacks');
  return entries(stacks)
    .filter((name) => !name.startsWith('.'))
    .map((name) => {
      const folder = join(stacks, name);
      const owner = readIdentity(join(folder, 'owner.json')) ?? { pid: 0, startedAt: '', command: '' };
      return { kind: name.startsWith('up-') ? 'up' : 'run', folder, owner, alive: isAlive(owner) };
    });
}

/** Ends the servers of owners that died and removes their folders. */
export async function reapInstances(dataDir: string, log: (line: string) => void): Promise<number> {
  const orphaned = listInstances(dataDir).filter((instance) => !instance.alive);
  for (const { folder, owner } of orphaned) {
    const ended = await Promise.all(PID_FILES.map((name) => endRecorded(join(folder, name))));
    const containers = existsSync(join(folder, CONTAINERS)) ? await endContainers(basename(folder)) : 0;
    if (containers === undefined) {
      log(`stack: process ${owner.pid} died and may have left containers, and no Docker engine answers now`);
      continue; // the folder stays, so that a later start can remove the containers
    }
    const count = ended.filter(Boolean).length + containers;
    if (count > 0) log(`stack: ended ${count} server(s) left behind by process ${owner.pid}, which died`);
    await removeFolder(folder);
  }
  return orphaned.length;
}

async function endContainers(name: string): Promise<number | undefined> {
  return (await dockerEngine())?.removeContainers(name);
}

/** Removes an instance's files several at once: each waits for the disk, and a database has some 300. */
async function removeFolder(folder: string): Promise<void> {
  await removeElsewhere(folder);
  await rm(folder, REMOVAL);
}

async function removeElsewhere(folder: string): Promise<void> {
  for (const path of elsewhere(folder)) await rm(path, REMOVAL);
  await rm(join(folder, ELSEWHERE), { force: true });
}

/** The folders outside of an instance that are removed with it. */
export function elsewhere(folder: string): string[] {
  try {
    return readFileSync(join(folder, ELSEWHERE), 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The port that the Postgres of kept data had at last: addresses that were copied stay true. undefined: none, or it is taken. */
export async function lastPort(folder: string): Promise<number | undefined> {
  try {
    const settings = readFileSync(join(folder, 'postgres', 'postgresql.auto.conf'), 'utf8');
    const port = Number(/^port = (\d+)$/m.exec(settings)?.[1]);
    await assertPortFree(port, 'Postgres');
    return port;
  } catch {
    return undefined;
  }
}
