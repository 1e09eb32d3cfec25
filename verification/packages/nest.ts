import { waitUntil } from '@convergekit/testing';
import { freePort } from '@convergekit/testing/internal';
import { run, whileRunning } from '../programs.ts';
import { withDatabase } from '../with-database.ts';
import { ofRepository } from './peers.ts';
import { type Trial, whereOf } from './program.ts';
import { addFiles, compile, versionOf } from './project.ts';
import type { Tools } from './tools.ts';

/** The packages of Nest that the example imports. They have one version. */
export const NEST_PACKAGES = ['@nestjs/common', '@nestjs/core', '@nestjs/platform-express'] as const;

/** What the example imports besides. */
export const NEST_COMPANIONS = ofRepository(
  '@nestjs-cls/transactional',
  '@nestjs-cls/transactional-adapter-drizzle-orm',
  'drizzle-orm',
  'nestjs-cls',
  'reflect-metadata',
  'rxjs',
);

/** Compiles and runs the example application until its consumer has billed an order. */
export async function runNest(trial: Trial, { typescript, node }: Tools): Promise<void> {
  const { project, databaseUrl } = trial;
  const files = ['app.ts', 'main.ts', 'orders.ts', 'shop.ts'];
  await addFiles(
    project,
    Object.fromEntries(files.map((file) => [file, `../../docs/examples/nest/${file}`])),
  );
  // The libraries of others do not compile in this form.
  await compile(project, typescript['5.9'], node['24'], { skipLibCheck: true });
  const port = await freePort();
  const { cwd, env } = whereOf(trial);
  const where = { cwd, env: { ...env, CONVERGE__BROKER: 'local', PORT: String(port) } };
  await run('node_modules/.bin/converge', ['migrate', '--quiet'], where);
  const topics = ['orders', 'billing.failures', '--partitions', '2', '--quiet'];
  await run('node_modules/.bin/converge', ['topics', 'create', ...topics], where);
  const body = JSON.stringify({ id: 'a', cents: 5 });
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
  const order = (): Promise<number | undefined> =>
    fetch(`http://127.0.0.1:${port}/orders`, post).then(
      (answer) => answer.status,
      () => undefined,
    );
  await withDatabase({ url: databaseUrl }, async ({ executor }) => {
    const isBilled = async (): Promise<boolean> =>
      (await executor.query('select from bills')).rows.length === 1;
    for (const table of ['orders', 'bills'])
      await executor.query(`create table ${table} (id text primary key, cents int not null)`);
    const { code, signal, log } = await whileRunning([trial.node, 'main.ts'], where, async (app) => {
      const status = await waitUntil(order, { what: 'an answer of the application' });
      if (status !== 201) throw new Error(`an order was answered with ${status}:\n${app.log()}`);
      await waitUntil(isBilled, { what: 'the bill' });
    });
    if (code !== 0 && signal !== 'SIGTERM')
      throw new Error(`Nest ${await versionOf(project, '@nestjs/core')} ended with ${String(code)}:\n${log}`);
  });
}
