import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitUntil } from '../wait-until.ts';
import { clusterIdAt } from './cluster-id.ts';
import { INSTANCE_LABEL, prepareDocker } from './docker-engine.ts';
import { KAFKA_IMAGE, POSTGRES_IMAGE } from './docker-recipes.ts';
import { identityOf } from './process-identity.ts';

const main = resolve('infra/stack/main.ts');
const docker = await prepareDocker([POSTGRES_IMAGE, KAFKA_IMAGE], () => undefined);
if (!docker.ready) process.stderr.write(`NOT TESTED: a stack in Docker, of a person: ${docker.why}\n`);
let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  mkdirSync('.converge/kafka-jars', { recursive: true });
  folder = mkdtempSync(resolve('.converge/e2e-'));
  mkdirSync(join(folder, '.converge'));
  symlinkSync(resolve('.converge/kafka-jars'), join(folder, '.converge', 'kafka-jars'));
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  }
  await run(['down']).ended;
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

function run(args: readonly string[], env: NodeJS.ProcessEnv = { CONVERGE_STACK: 'embedded' }): Run {
  const inherited = { ...process.env };
  delete inherited['DATABASE_URL'];
  delete inherited['KAFKA_BROKERS'];
  const child = spawn(process.execPath, ['--conditions=source', main, ...args], {
    cwd: folder,
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, output: () => output, ended };
}

async function up(env: NodeJS.ProcessEnv): Promise<Run> {
  const started = run(['up'], env);
  await waitUntil(() => started.output().includes('up until Ctrl-C') || started.child.exitCode !== null, {
    what: 'the stack',
    deadlineMs: 120_000,
  });
  expect(started.output()).toContain('up until Ctrl-C');
  return started;
}

type How = 'embedded' | 'docker';

/** Lists the process ids of all embedded servers in the folder, or the ids of their containers. */
function servers(how: How): string[] {
  const stacks = join(folder, '.converge', 'stacks');
  return readdirSync(stacks).flatMap((instance) =>
    how === 'embedded'
      ? ['postgres.pid', 'kafka.pid'].map((name) =>
          String((JSON.parse(readFileSync(join(stacks, instance, name), 'utf8')) as { pid: number }).pid),
        )
      : containers(['--all', '--filter', `label=${INSTANCE_LABEL}=${instance}`]),
  );
}

const containers = (flags: readonly string[]): string[] =>
  execFileSync('docker', ['ps', '--quiet', '--no-trunc', ...flags], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);

/** Filters the `ids` that still run. */
function alive(how: How, ids: readonly string[]): string[] {
  if (how === 'embedded') return ids.filter((pid) => identityOf(Number(pid)) !== undefined);
  const running = containers([]);
  return ids.filter((id) => running.includes(id));
}

/** A PATH with nothing but a `java` that claims a version. */
function onlyJava(version: string): NodeJS.ProcessEnv {
  const bin = mkdtempSync(join(folder, 'bin-'));
  writeFileSync(join(bin, 'java'), `#!/bin/sh\necho 'openjdk version "${version}"' >&2\n`, { mode: 0o755 });
  return { PATH: bin, JAVA_HOME: '' };
}

const environment = (name: string): string =>
  new RegExp(`^${name}=(.*)$`, 'm').exec(readFileSync(join(folder, '.converge', 'stack.env'), 'utf8'))![1]!;

async function answers(): Promise<boolean> {
  const client = new Client({ connectionString: environment('DATABASE_URL') });
  await client.connect();
  await client.query('select 1');
  await client.end();
  return (await clusterIdAt(Number(environment('KAFKA_BROKERS').split(':')[1]))) !== undefined;
}

describe.each<How>(['embedded', 'docker'])('node infra/stack/main.ts, %s', (how) => {
  const chosen = { CONVERGE_STACK: how };

  beforeEach((test) => {
    if (how === 'docker' && !docker.ready) test.skip(docker.why);
  });

  it('`up` writes how to connect, refuses a second stack, and leaves nothing after Ctrl-C', async () => {
    const stack = await up(chosen);
    expect(stack.output()).toMatch(/^DATABASE_URL=postgres:.*\nKAFKA_BROKERS=127/m);
    expect(stack.output()).toMatch(/ready in \d+\.\d s/);
    expect(await answers()).toBe(true);
    const second = run(['up'], chosen);
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain('already up in this folder');
    expect(await run(['status']).ended).toBe(0);
    const started = servers(how);
    expect(alive(how, started)).toHaveLength(2);
    stack.child.kill('SIGINT');
    expect(await stack.ended).toBe(0);
    expect(alive(how, started)).toEqual([]);
    expect(readdirSync(join(folder, '.converge'))).toEqual(['kafka-jars', 'stacks']);
    expect(readdirSync(join(folder, '.converge', 'stacks'))).toEqual([]);
  });

  it('`up` after a SIGKILL of its parent ends the servers that were left, and no others', async () => {
    const crashed = await up(chosen);
    const left = servers(how);
    crashed.child.kill('SIGKILL');
    await crashed.ended;
    expect(alive(how, left)).toHaveLength(2);
    expect(await run(['status']).ended).toBe(3);
    const next = await up(chosen);
    expect(next.output()).toContain('ended 2 server(s) left behind by process');
    expect(alive(how, left)).toEqual([]);
    expect(await answers()).toBe(true);
    expect(await run(['down']).ended).toBe(0);
    expect(await next.ended).toBe(0);
  });

  it('`up` that gets Ctrl-C in the middle of the start leaves nothing', async () => {
    const stack = run(['up'], chosen);
    await waitUntil(() => stack.output().includes('stack: Postgres'), { what: 'the start' });
    await waitUntil(() => readdirSync(join(folder, '.converge')).includes('stacks'), {
      what: 'the instance',
    });
    stack.child.kill('SIGINT');
    await stack.ended;
    expect(readdirSync(join(folder, '.converge', 'stacks'))).toEqual([]);
  });

  it('`up` starts only the servers that the environment does not give', async () => {
    const stack = await up({ ...chosen, DATABASE_URL: 'postgres://given@127.0.0.1:1/given' });
    expect(stack.output()).toContain(`Postgres as given by the environment, Kafka ${places[how]}`);
    expect(environment('DATABASE_URL')).toBe('postgres://given@127.0.0.1:1/given');
  });

  it('`up` reports a taken port in one line', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const stack = run(['up', '--kafka-port', String(port)], {
      ...chosen,
      DATABASE_URL: 'postgres://given@127.0.0.1:1/given',
    });
    expect(await stack.ended).toBe(1);
    expect(stack.output()).toContain(`port ${port} on 127.0.0.1, asked for Kafka, is taken`);
    other.close();
  });
});

const places: Readonly<Record<How, string>> = { embedded: 'embedded', docker: 'in Docker' };

describe('node infra/stack/main.ts', () => {
  /** A Docker command with which no engine answers. */
  const noDocker = { DOCKER_HOST: 'tcp://127.0.0.1:1', TESTCONTAINERS_HOST_OVERRIDE: '' };

  it('`up` without a Docker engine starts embedded servers and says why', async () => {
    const stack = await up({
      ...noDocker,
      CONVERGE_STACK: '',
      DATABASE_URL: 'postgres://given@127.0.0.1:1/given',
    });
    expect(stack.output()).toContain(
      'stack: Postgres as given by the environment, Kafka embedded (no Docker engine answers)',
    );
  });

  it('`up` without the Docker engine that was requested names the next step', async () => {
    const stack = run(['up'], { ...noDocker, CONVERGE_STACK: 'docker' });
    expect(await stack.ended).toBe(1);
    expect(stack.output().trim()).toBe(
      'stack: CONVERGE_STACK=docker, and no Docker engine answers: start Docker, or unset CONVERGE_STACK to use embedded servers',
    );
  });

  it('`up` without Java says in one sentence what to install, exits with 1 and leaves nothing', async () => {
    const stack = run(['up'], {
      PATH: '/nowhere',
      JAVA_HOME: '',
      CONVERGE_STACK: 'embedded',
      DATABASE_URL: 'postgres://given@127.0.0.1:1/given',
    });
    expect(await stack.ended).toBe(1);
    expect(stack.output().trim().split('\n')).toEqual([
      'stack: Postgres as given by the environment, Kafka embedded',
      expect.stringMatching(
        /^stack: Kafka runs on Java and `java` was not found: install a Java runtime 17 or newer/,
      ),
    ]);
    expect(readdirSync(join(folder, '.converge', 'stacks'))).toEqual([]);
  });

  it('`up` with a Java that is too old, or without Maven, says so in one sentence', async () => {
    const given = { CONVERGE_STACK: 'embedded', DATABASE_URL: 'postgres://given@127.0.0.1:1/given' };
    const old = run(['up'], { ...onlyJava('11.0.2'), ...given });
    expect(await old.ended).toBe(1);
    expect(old.output()).toContain('stack: Kafka 4 needs Java 17 or newer and `java` is version 11: install');
    rmSync(join(folder, '.converge', 'kafka-jars'));
    const bare = run(['up'], { ...onlyJava('21.0.1'), ...given });
    expect(await bare.ended).toBe(1);
    expect(bare.output()).toContain(
      "stack: Kafka's jars come from Maven and `mvn` was not found: install Maven",
    );
  });
});
