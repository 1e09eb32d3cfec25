import { expect, it } from 'vitest';
import { configText } from './config-text.ts';
import type { Model } from './model.ts';

const model: Model = {
  name: 'M',
  says: 'anything',
  constants: {
    NoRelay: { value: 'NoRelay' },
    Relay: ['r1', 'r2'],
    Partition: [1],
    Max: 2,
    Long: false,
    None: [],
  },
  guards: ['Fence'],
  invariants: ['Once', 'NoLoss'],
  configurations: [],
  controls: [],
};

it('a configuration has the constants of its model, its guards, and its own values in their place', () => {
  expect(configText(model, { name: 'c', constants: { Max: 3 } })).toBe(
    [
      'SPECIFICATION Spec',
      'CONSTANTS',
      '  NoRelay = NoRelay',
      '  Relay = {r1, r2}',
      '  Partition = {1}',
      '  Max = 3',
      '  Long = FALSE',
      '  None = {}',
      '  Fence = "ok"',
      'INVARIANTS Once NoLoss',
      'SYMMETRY Symmetry',
      'CHECK_DEADLOCK FALSE',
      '',
    ].join('\n'),
  );
});

it('a control takes its guard out, and its invariant is checked first', () => {
  const text = configText(model, { name: 'c', constants: { Fence: 'none' }, breaks: 'NoLoss' });
  expect(text).toContain('  Fence = "none"\n');
  expect(text).toContain('INVARIANTS NoLoss Once\n');
});
