import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { check, write } from './schema-check.ts';
import { orderPlaced } from './schema-evolution.ts';

it('the example of “schema evolution” reads an event of version 1 as version 2', () => {
  expect(orderPlaced.parse('{"orderId":"o1","euros":9}', 1)).toEqual({ orderId: 'o1', cents: 900 });
  expect(() => orderPlaced.parse('{"orderId":"o1","cents":900}', 3)).toThrow(/deploy the newer contract/);
});

it('the check of schemas reports what is not written, and nothing after it was written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'schemas-'));
  try {
    expect(await check(folder)).not.toEqual([]);
    await write(folder);
    expect(await check(folder)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
