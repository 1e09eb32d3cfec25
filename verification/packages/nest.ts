import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { freePort } from '@convergekit/testing/operate';
import { environment, type Trial } from './program.ts';
import { addFiles, compile, versionOf } from './project.ts';
import { run, type Tools } from './tools.ts';

/** The packages of Nest that the example imports. They have one version. */
export const NEST_PACKAGES = ['@nestjs/common', '@nestjs/core', '@nestjs/platform-express'] as const;

const { devDependencies } = JSON.parse(
  await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
) as { readonly devDependencies: Readonly<Record<string, string>> };

/** What the example imports besides, in the versions of this repository. */
export const NEST_COMPANIONS = Object.fromEntries(
  [
    '@nestjs-cls/transactional',
    '@nestjs-cls/transactional-adapter-drizzle-orm',
    'drizzle-orm',
    'nestjs-cls',
    'reflect-metadata',
    'rxjs',
  ].map((name) => [name, devDependencies[name] ?? '']),
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
  const env = { ...environment(trial), CONVERGE__BROKER: 'local', PORT: String(port) };
  const options = { cwd: project.folder, env };
  await run('node_modules/.bin/converge', ['migrate', '--quiet'], options);
  const topics = ['orders', 'billing.failures', '--partitions', '2', '--quiet'];
  await run('node_modules/.bin/converge', ['topics', 'create', ...topics], options);
  const database = connect({ url: databaseUrl });
  const child = spawn(trial.node, ['main.ts'], { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const exited = once(child, 'exit');
  try {
    for (const table of ['orders', 'bills'])
      await database.executor.query(`create table ${table} (id text primary key, cents int not null)`);
    const body = JSON.stringify({ id: 'a', cents: 5 });
    const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    const status = await waitUntil(
      async () => {
        if (child.exitCode !== null) throw new Error(log);
        return fetch(`http://127.0.0.1:${port}/orders`, post).then(
          (answer) => answer.status,
          () => undefined,
        );
      },
      { what: 'an answer of the application' },
    );
    if (status !== 201) throw new Error(`an order was answered with ${status}:\n${log}`);
    const bills = async (): Promise<number> =>
      (await database.executor.query('select from bills')).rows.length;
    await waitUntil(async () => (await bills()) === 1, { what: 'the bill' });
    child.kill('SIGTERM');
    const [code, signal] = (await exited) as [number | null, string | null];
    if (code !== 0 && signal !== 'SIGTERM')
      throw new Error(`Nest ${await versionOf(project, '@nestjs/core')} ended with ${String(code)}:\n${log}`);
  } finally {
    child.kill('SIGKILL');
    await database.close();
  }
}
