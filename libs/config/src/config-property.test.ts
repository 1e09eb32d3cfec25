import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadConfig } from './index.ts';
import { schema } from './fixture/config-schema.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'config-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** A setting, its environment variable, and its values in YAML syntax. */
const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const text = fc.string({ minLength: 5 }).filter((one) => !one.includes('\0'));
const decimal = fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e9, noNaN: true }));
const settings = fc.record({
  'database.port': some(fc.integer({ min: 1, max: 65_535 })),
  'database.host': some(text),
  'database.password': some(
    fc.oneof(text, fc.constantFrom('12345', 'true!', ' null ', '1e100', '[1,2]', '{"a":1}')),
  ),
  'kafka.brokers': some(
    fc.array(fc.stringMatching(/^[a-z]{1,5}:[1-9]\d{0,3}$/), { minLength: 1, maxLength: 4 }),
  ),
  'log.level': some(fc.constantFrom('debug', 'info', 'warn')),
  'relay.enabled': some(fc.boolean()),
  'relay.ratio': some(decimal),
  'relay.mode': some(fc.oneof(fc.constant('auto'), fc.integer())),
  'relay.poll.minMs': some(fc.nat(10)),
  'relay.poll.maxMs': some(fc.integer({ min: 10, max: 1000 })),
  'policies.card.attempts': some(fc.integer({ min: 1, max: 9 })),
  'policies.cardCharge.attempts': some(fc.integer({ min: 1, max: 9 })),
});
const names: Readonly<Record<string, string>> = {
  'database.port': 'CONVERGE__DATABASE__PORT',
  'database.host': 'CONVERGE__DATABASE__HOST',
  'database.password': 'CONVERGE__DATABASE__PASSWORD',
  'kafka.brokers': 'CONVERGE__KAFKA__BROKERS',
  'log.level': 'CONVERGE__LOG__LEVEL',
  'relay.enabled': 'CONVERGE__RELAY__ENABLED',
  'relay.ratio': 'CONVERGE__RELAY__RATIO',
  'relay.mode': 'CONVERGE__RELAY__MODE',
  'relay.poll.minMs': 'CONVERGE__RELAY__POLL__MIN_MS',
  'relay.poll.maxMs': 'CONVERGE__RELAY__POLL__MAX_MS',
  'policies.card.attempts': 'CONVERGE__POLICIES__CARD__ATTEMPTS',
  'policies.cardCharge.attempts': 'CONVERGE__POLICIES__CARD_CHARGE__ATTEMPTS',
};

function nested(flat: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const tree: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(flat)) {
    if (value === undefined) continue;
    const steps = path.split('.');
    let at = tree;
    for (const step of steps.slice(0, -1)) at = (at[step] ??= {}) as Record<string, unknown>;
    at[steps.at(-1) ?? ''] = value;
  }
  return tree;
}

it('YAML, environment and flags resolve to the identical object, alone and mixed', () => {
  fc.assert(
    fc.property(settings, fc.infiniteStream(fc.nat(2)), (flat, choice) => {
      const given = Object.entries(flat).filter(([, value]) => value !== undefined);
      const path = join(dir, 'property.yaml');
      const load = (inFile: typeof given, inEnv: typeof given, asFlags: typeof given) => {
        writeFileSync(path, stringify(nested(Object.fromEntries(inFile))));
        const env = inEnv.map(([place, value]) => [names[place], String(value)]);
        return loadConfig(schema, {
          file: path,
          env: Object.fromEntries(env) as never,
          flags: Object.fromEntries(asFlags),
        });
      };
      const reference = schema.parse({ database: {}, kafka: {}, log: {}, relay: {}, ...nested(flat) });
      expect(load(given, [], [])).toEqual(reference);
      expect(load([], given, [])).toEqual(reference);
      expect(load([], [], given)).toEqual(reference);
      const parts: (typeof given)[] = [[], [], []];
      for (const one of given) parts[choice.next().value as number]?.push(one);
      expect(load(parts[0] ?? [], parts[1] ?? [], parts[2] ?? [])).toEqual(reference);
    }),
    { numRuns: 300 },
  );
});
