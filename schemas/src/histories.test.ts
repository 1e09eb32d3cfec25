import { readdirSync, readFileSync } from 'node:fs';
import { replayHistory, type SagaHistory } from '@convergekit/saga/testing';
import { describe, expect, it } from 'vitest';
import { placeOrder, transferMoney } from './index.ts';

/** Histories recorded by the samples' tests (`saga.int.test.ts`, `transfers.int.test.ts`) when the version was new. */
const folder = new URL('../histories/', import.meta.url);
const declarations = [placeOrder, transferMoney].map(({ declaration }) => declaration);

describe('sagas that began before a change of the code', () => {
  // Planted fault: another decision of the fence (a beginning that runs nothing) fails here for every history.
  it.each(readdirSync(folder))('S32, S72, G6p: the current code replays the recorded history %s', (name) => {
    const history = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as SagaHistory;
    expect(name).toContain(`${history.saga}.v${history.version}.`);
    expect(replayHistory(declarations, history)).toEqual([]);
  });

  it('every declared version has recorded histories', () => {
    const names = readdirSync(folder);
    for (const { name, version } of declarations)
      expect(names.some((file) => file.startsWith(`${name}.v${version}.`))).toBe(true);
  });
});
