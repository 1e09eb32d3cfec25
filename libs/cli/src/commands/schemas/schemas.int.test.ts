import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cli } from '../../fixture/cli.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'converge-schemas-'));
});
afterAll(() => rm(dir, { recursive: true }));

it('`converge schemas` writes the schemas of a module, finds them unchanged, and names a change', async () => {
  const of = [
    'schemas/src/payments.ts',
    '--dir',
    dir,
    '--title',
    'Payments',
    '--reads',
    'schemas/src/orders.ts',
  ];
  const written = await cli(['schemas', 'write', ...of], {});
  expect(written).toMatchObject({ code: 0, stdout: expect.stringContaining('asyncapi.json') as string });
  const document = await readFile(join(dir, 'asyncapi.json'), 'utf8');
  expect(JSON.parse(document)).toMatchObject({ info: { title: 'Payments' } });
  for (const role of ['provider', 'client']) expect(document).toContain(`"x-eventcatalog-role": "${role}"`);
  expect(await cli(['schemas', 'check', ...of], {})).toMatchObject({ code: 0 });
  await writeFile(join(dir, 'asyncapi.json'), '{}');
  const changed = await cli(['schemas', 'check', ...of], {});
  expect(changed).toMatchObject({ code: 1, stdout: expect.stringContaining('outdated') as string });
});

it('`converge schemas` names a module without events', async () => {
  const empty = await cli(['schemas', 'write', 'schemas/src/parts.ts', '--dir', dir], {});
  expect(empty.code).toBe(2);
  expect(empty.stderr).toContain('exports no event: export what defineEvent returns');
});
