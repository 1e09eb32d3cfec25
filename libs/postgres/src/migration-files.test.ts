import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { type MigrationFile, pendingMigrations, readMigrations } from './migration-files.ts';

const file = (number: number, checksum = `sum${number}`): MigrationFile => ({
  package: 'a',
  number,
  name: 'x',
  checksum,
  sql: '',
});

async function directoryWith(files: Record<string, string>): Promise<URL> {
  const directory = await mkdtemp(join(tmpdir(), 'migrations-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  return pathToFileURL(directory);
}

it('migrations that the database lacks are pending, in order', () => {
  const files = [file(1), file(2), file(3)];
  expect(pendingMigrations(files, [file(1)])).toEqual([file(2), file(3)]);
  expect(pendingMigrations(files, [{ ...file(1, 'other'), package: 'b' }])).toEqual(files);
});

it('an older version accepts a newer database', () => {
  expect(pendingMigrations([file(1), file(2)], [file(1), file(2), file(3)])).toEqual([]);
});

it('a changed text and a gap in the applied order are refused', () => {
  expect(() => pendingMigrations([file(1, 'new')], [file(1, 'old')])).toThrow(
    expect.objectContaining({ code: 'MIGRATION_CHANGED' }),
  );
  expect(() => pendingMigrations([file(1), file(2)], [file(2)])).toThrow(
    expect.objectContaining({ code: 'MIGRATION_OUT_OF_ORDER' }),
  );
});

it('changed line ends do not change a migration', async () => {
  const [unix, windows] = await Promise.all(
    ['select 1;\nselect 2;\n', 'select 1;\r\nselect 2;\r\n'].map(async (text) =>
      readMigrations({ name: 'a', directory: await directoryWith({ '001-x.sql': text }) }),
    ),
  );
  expect(unix?.[0]?.checksum).toBe(windows?.[0]?.checksum);
});

it('an invalid file name and a gap in the numbers are reported', async () => {
  const [bare, gap] = await Promise.all(
    [{ '001.sql': '' }, { '001-x.sql': '', '3-Add_Notes.sql': '' }].map(async (files) => {
      const directory = await directoryWith(files);
      return readMigrations({ name: 'a', directory }).catch(String);
    }),
  );
  expect([bare, gap]).toEqual([
    expect.stringContaining('Rename it: `mv 001.sql 001-what-it-does.sql`'),
    expect.stringContaining('Rename it: `mv 3-Add_Notes.sql 002-add-notes.sql`'),
  ]);
  for (const files of [{ '1-x.sql': '' }, { '002-x.sql': '' }, { '001-x.sql': '', '003-y.sql': '' }]) {
    const directory = await directoryWith(files);
    await expect(readMigrations({ name: 'a', directory })).rejects.toMatchObject({ code: 'MIGRATION_FILES' });
  }
});
