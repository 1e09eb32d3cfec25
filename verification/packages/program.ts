import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { plain, run, whileRunning } from '../programs.ts';
import { withDatabase } from '../with-database.ts';
import type { Project } from './project.ts';

/** A project, the Node that runs it, the servers, and a database of its own. */
export interface Trial {
  readonly project: Project;
  readonly node: string;
  readonly databaseUrl: string;
  readonly brokers: string;
}

export const whereOf = ({ project, databaseUrl, brokers, node }: Trial) => ({
  cwd: project.folder,
  env: plain({
    DATABASE_URL: databaseUrl,
    KAFKA_BROKERS: brokers,
    NODE_ENV: 'development',
    // The command's first line asks the PATH for `node`.
    PATH: `${node.slice(0, node.lastIndexOf('/'))}:${process.env['PATH'] ?? ''}`,
  }),
});

/** Runs the `converge` command of a project: its help by npx, and the migration of the database. */
export async function runCommand(trial: Trial): Promise<void> {
  const options = whereOf(trial);
  const help = await run('npx', ['--no-install', 'convergekit', '--help'], options);
  if (!help.stdout.includes('converge')) throw new Error(`npx convergekit --help printed: ${help.stdout}`);
  await run('node_modules/.bin/converge', ['migrate', '--quiet'], options);
  // A user may set the condition by which this repository runs from source.
  const condition = { ...options.env, NODE_OPTIONS: '--conditions=source' };
  await run('node_modules/.bin/converge', ['roles'], { ...options, env: condition });
}

/** Runs the README's first program until its order is charged and the refused one is gone, then stops it. */
export async function runFirstProgram(trial: Trial, file: string): Promise<void> {
  await withDatabase({ url: trial.databaseUrl }, async (database) => {
    for (const table of ['orders', 'charges'])
      await database.executor.query(`create table ${table} (id text primary key, cents int not null)`);
    const { code, log } = await whileRunning([trial.node, file], whereOf(trial), () =>
      waitUntil(() => isApplied(database), { what: 'one order and one charge' }),
    );
    if (code !== 0) throw new Error(`the first program ended with ${String(code)}:\n${log}`);
  });
}

/** True when the README's first program has done its work: the small order is charged, the large one is gone. */
export async function isApplied({ executor }: Pick<Database, 'executor'>): Promise<boolean> {
  const { rows } = await executor.query<{ orders: string; charges: string }>(
    `select (select string_agg(id, ',') from orders) as orders,
            (select string_agg(id, ',') from charges) as charges`,
  );
  return rows[0]?.orders === 'small' && rows[0].charges === 'small';
}

/** Runs a program that emits under a tracer provider of its own, and fails unless the provider saw the span. */
export async function runEmitter(trial: Trial, file: string): Promise<void> {
  const { stdout } = await run(trial.node, [file], whereOf(trial));
  const seen = JSON.parse(stdout) as { spans: readonly string[]; events: number };
  if (!seen.spans.includes('create trial.emitted') || seen.events < 1)
    throw new Error(`the tracer provider of the application saw ${stdout}`);
}
