import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { placeInMemory } from './memory.ts';

const linux = it.skipIf(platform() !== 'linux');

function scene(): { folder: string; memory: string } {
  const at = mkdtempSync(join(tmpdir(), 'memory-'));
  onTestFinished(() => rmSync(at, { recursive: true }));
  mkdirSync(join(at, 'memory'));
  return { folder: join(at, 'checkout', 'stacks'), memory: join(at, 'memory') };
}

linux('a folder of data that does not exist or is empty is placed in memory until nothing is in it', () => {
  const { folder, memory } = scene();
  for (const prepare of [() => undefined, () => mkdirSync(folder)]) {
    prepare();
    const release = placeInMemory(folder, { memory, neededBytes: 0 });
    writeFileSync(join(folder, 'data'), '');
    expect(realpathSync(folder).startsWith(realpathSync(memory))).toBe(true);
    release();
    expect(existsSync(join(folder, 'data'))).toBe(true);
    rmSync(join(folder, 'data'));
    release();
    expect([existsSync(folder), readdirSync(memory)]).toEqual([false, []]);
  }
});

linux('a link to a folder in memory that has gone is made again', () => {
  const { folder, memory } = scene();
  placeInMemory(folder, { memory, neededBytes: 0 });
  rmSync(memory, { recursive: true });
  mkdirSync(memory);
  placeInMemory(folder, { memory, neededBytes: 0 });
  expect(existsSync(folder)).toBe(true);
});

it('a folder with something in it stays, and so does every folder where memory lacks room', () => {
  const { folder, memory } = scene();
  placeInMemory(folder, { memory, neededBytes: Number.MAX_SAFE_INTEGER })();
  expect(existsSync(folder)).toBe(false);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'data'), '');
  placeInMemory(folder, { memory, neededBytes: 0 })();
  expect([readdirSync(folder), readdirSync(memory)]).toEqual([['data'], []]);
});
