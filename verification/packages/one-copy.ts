import { waitUntil } from '@convergekit/testing';
import { freePort } from '@convergekit/testing/internal';
import { runIn, whileRunning } from '../programs.ts';
import { ofRepository } from './peers.ts';
import { type Trial, whereOf } from './program.ts';
import { addFiles } from './project.ts';

/** What a project of a user has besides: the runner of its tests, in the version of this repository. */
export const TEST_RUNNER = ofRepository('vitest');

/** Runs a test of a user by vitest without any configuration: the packages share the classes and the state of the kit. */
export async function runUserTest({ project, node, databaseUrl }: Trial): Promise<void> {
  await addFiles(project, { 'one-copy.test.mts': './files/one-copy.mts' });
  await runIn(project.folder, node, ['node_modules/vitest/vitest.mjs', 'run'], {
    DATABASE_URL: databaseUrl,
  }).catch((error: unknown) => {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`the test of a user failed:\n${stdout}${stderr}`);
  });
}

/** Rejects unless a stack trace names a line of the source of the kit. */
export async function checkStack({ project, node }: Trial): Promise<void> {
  const program = `import { defineEvent } from 'convergekit';
    try { defineEvent({ type: '' }); } catch (error) { console.log(error.stack); }`;
  const { stdout } = await runIn(project.folder, node, [
    '--enable-source-maps',
    '--input-type=module',
    '--eval',
    program,
  ]);
  if (!/libs\/contracts\/src\/[\w/-]+\.ts:\d+:\d+/.test(stdout))
    throw new Error(`the stack names no line of the source:\n${stdout}`);
}

/** Starts the console of a project over its database, and rejects unless it shows a page with its style. */
export async function runConsole(trial: Trial): Promise<void> {
  const port = await freePort();
  const { cwd, env } = whereOf(trial);
  const own = {
    CONVERGE__DATABASES__ORDERS: trial.databaseUrl,
    CONVERGE__CONSOLE__PORT: String(port),
    CONVERGE__HEALTH__PORT: '0',
    CONVERGE__BROKER: 'local',
  };
  const where = { cwd, env: { ...env, ...own } };
  const command = [trial.node, 'node_modules/@convergekit/console/bin/converge-console.js'] as const;
  await whileRunning([...command], where, async ({ log }) => {
    const page = await waitUntil(() => textOf(`http://127.0.0.1:${port}/`), {
      what: 'a page of the console',
    });
    const style = /href="([^"]+\.css[^"]*)"/.exec(page)?.[1];
    if (style === undefined) throw new Error(`the page names no style:\n${page}\n${log()}`);
    const css = await textOf(new URL(style, `http://127.0.0.1:${port}/`).href);
    if (css === undefined) throw new Error(`the console does not serve ${style}:\n${log()}`);
  });
}

async function textOf(url: string): Promise<string | undefined> {
  try {
    const answer = await fetch(url);
    return answer.ok ? await answer.text() : undefined;
  } catch {
    return undefined;
  }
}
