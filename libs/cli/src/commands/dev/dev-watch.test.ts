import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { folderWatch } from './dev-watch.ts';

it('a file that is saved by a rename is seen each time, in new folders too, and other files are not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'watched-'));
  const file = join(folder, 'main.ts');
  writeFileSync(file, '0');
  let seen = 0;
  const service = folderWatch({
    folder,
    concerns: (name) => name.endsWith('.ts'),
    onChange: () => (seen += 1),
  });
  await service.start();
  const changed = async (change: () => void): Promise<void> => {
    const before = seen;
    change();
    await waitUntil(() => seen > before, { what: 'the change to be seen' });
  };
  const rename = (): void => {
    writeFileSync(join(folder, 'main.tmp'), 'new');
    renameSync(join(folder, 'main.tmp'), file);
  };
  await changed(rename);
  await changed(rename);
  await changed(() => writeFileSync(file, 'in place'));
  const below = join(folder, 'below');
  await changed(() => {
    mkdirSync(below);
    writeFileSync(file, 'again');
  });
  await changed(() => writeFileSync(join(below, 'part.ts'), ''));
  mkdirSync(join(folder, 'node_modules'));
  writeFileSync(join(folder, 'node_modules', 'other.ts'), '');
  writeFileSync(join(folder, 'notes.txt'), '');
  const known = seen;
  await changed(rename);
  expect(seen).toBe(known + 1);
  await service.stop();
  rmSync(folder, { recursive: true, force: true });
});
