import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Service, systemClock } from '@convergekit/core';
import { dataFolder, type InstanceRecord, listInstances, reapInstances } from './instance.ts';
import { isAlive } from './process-identity.ts';
import { type Stack, type StackOptions, startStack } from './stack.ts';

/** The stack that a person keeps running (`up`), and the commands about it. */
export interface StackService extends Service {
  /** `NAME=value` lines; known when started. */
  readonly environment: string;
}

export function stackService(options: StackOptions): StackService {
  const file = join(dataFolder(options.dataDir), 'stack.env');
  const { promise: done, resolve, reject } = Promise.withResolvers<undefined>();
  let stack: Stack | undefined;
  let starting: Promise<unknown> = Promise.resolve();
  let watch: NodeJS.Timeout | undefined;
  let environment = '';
  let stopping = false;
  return {
    name: 'stack',
    done: done.then(() => undefined),
    async start() {
      const begun = startStack({ ...options, kind: 'up' });
      starting = begun.catch(() => undefined);
      stack = await begun;
      if (stopping) return;
      environment = environmentOf(stack);
      mkdirSync(dataFolder(options.dataDir), { recursive: true });
      // It has the password of Postgres.
      writeFileSync(file, environment, { mode: 0o600 });
      watch = setInterval(() => {
        const dead = [stack?.postgres, stack?.kafka, stack?.standby, stack?.pgbouncer].find(
          (server) => server?.running === false,
        );
        if (dead !== undefined) reject(new Error(`the server at ${dead.address} ended by itself`));
      }, 1_000);
    },
    async stop() {
      stopping = true;
      clearInterval(watch);
      // A start cannot be broken off: servers that it has not started yet would be left behind.
      await starting;
      rmSync(file, { force: true });
      await stack?.stop();
      resolve(undefined);
    },
    get environment() {
      return environment;
    },
  };
}

function environmentOf({ databaseUrl, brokers, standby, pgbouncer }: Stack): string {
  const lines = { DATABASE_URL: databaseUrl, KAFKA_BROKERS: brokers };
  const beside = { STANDBY_URL: standby?.address, PGBOUNCER_URL: pgbouncer?.address };
  return Object.entries({ ...lines, ...beside })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value ?? ''}\n`)
    .join('');
}

export interface StackStatus {
  readonly instances: readonly InstanceRecord[];
  /** The environment of the stack that is up; undefined when none is. */
  readonly environment: string | undefined;
}

export function stackStatus(): StackStatus {
  const data = dataFolder();
  const instances = listInstances(data);
  const up = instances.some(({ kind, alive }) => kind === 'up' && alive);
  return { instances, environment: up ? readEnvironment(join(data, 'stack.env')) : undefined };
}

/**
 * Asks every stack that is up to stop, awaits the stops, and ends the remains of dead owners. Returns the number of
 * stopped stacks.
 */
export async function stackDown(dataDir: string | undefined, log: (line: string) => void): Promise<number> {
  const data = dataFolder(dataDir);
  const up = listInstances(data).filter(({ kind, alive }) => kind === 'up' && alive);
  for (const { owner } of up) {
    process.kill(owner.pid, 'SIGTERM');
    while (isAlive(owner)) await systemClock.sleep(50);
    log(`stack: stopped (it belonged to process ${owner.pid})`);
  }
  const reaped = await reapInstances(data, log);
  rmSync(join(data, 'stack.env'), { force: true });
  if (up.length === 0 && reaped === 0) log('stack: none is up in this folder');
  return up.length;
}

function readEnvironment(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
