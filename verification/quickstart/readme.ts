import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil } from '@convergekit/testing';
import { root } from '../../infra/packages/stage.ts';
import { isApplied } from '../packages/program.ts';
import { withDatabase } from '../with-database.ts';
import { type Newcomer, say, seconds, whileDev } from './newcomer.ts';

interface Where extends Pick<Newcomer, 'env' | 'step'> {
  /** The empty folder; it is made here. */
  readonly folder: string;
}

/** Runs the README's first program by the commands that it prints, until it has done its work. */
export async function runReadme({ folder, env, step }: Where): Promise<void> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const [, program = ''] = /```ts\n([^]*?)```/.exec(readme) ?? [];
  const [, commands = ''] = /```sh\n([^]*?)```/.exec(readme) ?? [];
  const lines = commands.trimEnd().split('\n');
  const dev = lines.pop() ?? '';
  await mkdir(folder);
  await writeFile(join(folder, 'shop.mts'), program);
  for (const line of lines) await step(line, folder);
  await whileDev(['bash', '-c', `exec ${dev}`], { cwd: folder, env }, async ({ start, log }) => {
    const url = await waitUntil(() => Promise.resolve(/DATABASE_URL=(\S+)/.exec(log())?.[1]), {
      what: 'the address of the database',
    });
    await withDatabase({ url }, (database) =>
      waitUntil(() => isApplied(database), { what: 'one order and one charge' }),
    );
    say(`${seconds(start)}  ${dev}: the small order is charged, the large one is removed`);
  });
}
