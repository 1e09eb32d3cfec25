/**
 * Measures what a service weighs with the packed packages, beside DBOS, pg-boss and graphile-worker, and fails above the bars of
 * figures.ts: `make weight`. Times are the least of nine processes on a quiet machine.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { freshDatabase, withPostgres } from '@convergekit/testing';
import { packAll } from '../../infra/packages/stage.ts';
import { root } from '../../infra/packages/workspaces.ts';
import { ofRepository } from '../packages/peers.ts';
import { addFiles, makeProject, type Project } from '../packages/project.ts';
import { runIn } from '../programs.ts';
import { above, tableOf, type Weights } from './figures.ts';
import { cpuOf, idleService, importOf, megabytes } from './measure.ts';

const RIVALS: Readonly<Record<string, string>> = {
  '@dbos-inc/dbos-sdk': '5.3.0',
  'pg-boss': '12.38.0',
  'graphile-worker': '0.18.0',
};
const PEERS = ofRepository('@opentelemetry/api', 'kysely', 'pg', 'zod');

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const outside = await mkdtemp(join(tmpdir(), 'converge-weight-'));
const measured: Record<string, Weights> = {};
try {
  const packed = await packAll(join(root, '.converge/packages/packed'));
  const project = (name: string, ours: readonly string[], others: Readonly<Record<string, string>>) =>
    makeProject({ folder: join(outside, name), packed, ours, others });

  const service = await project('service', ['convergekit'], PEERS);
  measured['convergekit'] = { ...(await weightOf(service, ['convergekit'])), ...(await inUse(service)) };

  const { ms, mb } = await importOf(service.folder, ['convergekit/postgres']);
  measured['convergekit/postgres'] = { import: ms, 'memory after the import': mb };
  for (const [name, version] of Object.entries(RIVALS))
    measured[name] = await weightOf(await project(name.replace(/\W/g, '-'), [], { [name]: version }), [name]);
} finally {
  await rm(outside, { recursive: true, force: true });
}
say(`${tableOf(measured)}\n`);
say(`Node ${process.versions.node}, ${availableParallelism()} cores, ${cpus()[0]?.model ?? ''}`);
const faults = above(measured);
for (const fault of faults) say(`FAIL  ${fault}`);
process.exit(faults.length === 0 ? 0 : 1);

async function weightOf({ folder, installed }: Project, doors: readonly string[]): Promise<Weights> {
  const { ms, mb } = await importOf(folder, doors);
  return {
    'installed packages': installed.length,
    'installed size': megabytes(folder),
    import: ms,
    'memory after the import': mb,
  };
}

/** The figures of a service with one consumer and its relay, on Postgres alone, and of the command line. */
async function inUse(project: Project): Promise<Weights> {
  const { folder } = project;
  await addFiles(project, { 'smallest.mjs': '../weight/files/smallest.mjs' });
  return withPostgres(async (server) => {
    const databaseUrl = await freshDatabase(server, 'weight');
    const env = { DATABASE_URL: databaseUrl, CONVERGE__BROKER: 'local' };
    await runIn(folder, 'node_modules/.bin/converge', ['migrate', '--quiet'], env);
    await idleService(folder, 'smallest.mjs', databaseUrl); // the first start makes the topics
    const { readySeconds, mb, perSecond } = await idleService(folder, 'smallest.mjs', databaseUrl);
    return {
      'memory, idle service': mb,
      'transactions, idle service': perSecond,
      ready: readySeconds,
      'CPU of `--help`': await cpuOf(folder, ['--help'], env),
      'CPU of `parked groups`': await cpuOf(folder, ['parked', 'groups'], env),
    };
  });
}
