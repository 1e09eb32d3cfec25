import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onServer } from './database.ts';
import { embeddedPostgres } from './stack/embedded.ts';
import type { EmbeddedServer } from './stack/embedded-server.ts';

const run = promisify(execFile);

/** Makes a streaming standby, named `standby`, of a primary, which is restarted for the copy of its folder. */
export async function standbyOf(
  primary: EmbeddedServer,
  defer: (undo: () => Promise<void>) => void,
): Promise<EmbeddedServer> {
  const { port } = new URL(primary.address);
  const standby = await embeddedPostgres({
    settings: {
      primary_conninfo: `host=127.0.0.1 port=${port} user=postgres application_name=standby`,
    },
  });
  defer(() => standby.dispose());
  await standby.start();
  const [from, to] = [await dataOf(primary), await dataOf(standby)];
  await Promise.all([primary.stop(), standby.stop()]);
  await run('rm', ['-rf', to]);
  await run('cp', ['-a', from, to]);
  writeFileSync(join(to, 'standby.signal'), '');
  await primary.start();
  // A standby that finds no primary tries again after 5 s.
  await standby.start();
  return standby;
}

function dataOf({ address }: EmbeddedServer): Promise<string> {
  return onServer(address, async (session) => {
    const text = `select current_setting('data_directory') as folder`;
    return (await session.query<{ folder: string }>(text)).rows[0]?.folder ?? '';
  });
}
