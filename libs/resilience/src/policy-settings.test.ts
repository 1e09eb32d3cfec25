import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, loadConfig, loadSettings } from '@convergekit/config';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { policyBook, policyLayersOf, type PolicyRules, policySettingsSchema } from './index.ts';

const schema = z.object({ policies: policySettingsSchema.prefault({}) });
const code: PolicyRules = { payment: { attempts: 4, backoff: { capMs: 1_000 } } };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'policies-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function yaml(text: string): string {
  const file = join(folder, 'converge.yaml');
  writeFileSync(file, text);
  return file;
}

function book(env: Record<string, string>, file?: string) {
  const { settings } = loadSettings(schema, { env, file });
  return policyBook(code, ...policyLayersOf(settings));
}

const file = `
policies:
  payment: { attempts: 6 }
  payment.charge: { attempts: 2, backoff: { capMs: 500 } }
`;

describe('policies from configuration', () => {
  it('S33, S34: configured policies override the code: the file first, then the environment, for every name', () => {
    expect(book({}).for('payment.charge').attempts).toBe(4);
    expect(book({}, yaml(file)).for('payment.charge')).toMatchObject({
      attempts: 2,
      backoff: { capMs: 500 },
    });
    const both = book({ CONVERGE__POLICIES__PAYMENT__ATTEMPTS: '5' }, yaml(file));
    expect(both.for('payment.charge')).toMatchObject({ attempts: 5, backoff: { capMs: 500 } });
    expect(both.applied('payment.charge').map(({ source, rule }) => `${rule} (${source})`)).toEqual([
      'payment (code)',
      `payment (file ${join(folder, 'converge.yaml')})`,
      `payment.charge (file ${join(folder, 'converge.yaml')})`,
      'payment (environment)',
    ]);
  });

  it('S35: YAML and environment give the same policies', () => {
    const fromFile = yaml(`
policies:
  payment.charge:
    attempts: 2
    deadlineMs: unbounded
    backoff: { baseMs: 10, capMs: 500 }
    giveUp: { perHour: 20 }
`);
    const env = {
      CONVERGE__POLICIES__PAYMENT__CHARGE__ATTEMPTS: '2',
      CONVERGE__POLICIES__PAYMENT__CHARGE__DEADLINE_MS: 'unbounded',
      CONVERGE__POLICIES__PAYMENT__CHARGE__BACKOFF__BASE_MS: '10',
      CONVERGE__POLICIES__PAYMENT__CHARGE__BACKOFF__CAP_MS: '500',
      CONVERGE__POLICIES__PAYMENT__CHARGE__GIVE_UP__PER_HOUR: '20',
    };
    expect(loadConfig(schema, { env })).toEqual(loadConfig(schema, { env: {}, file: fromFile }));
    expect(book(env).for('payment.charge')).toEqual(book({}, fromFile).for('payment.charge'));
    expect(book(env).for('payment.charge').giveUp).toMatchObject({ perHour: 20 });
  });

  it('a name with capitals and dashes in the file is found from the environment', () => {
    const named = yaml('policies: { consumer.order-view.orderPlaced: { attempts: 1 } }');
    const env = { CONVERGE__POLICIES__CONSUMER__ORDER_VIEW__ORDER_PLACED__ATTEMPTS: '2' };
    expect(book(env, named).for('consumer.order-view.orderPlaced').attempts).toBe(2);
  });

  // Planted fault: without the shared spelling no variable sets the policy of a consumer whose name has a dash.
  it('a variable sets the policy of a name with dashes or underscores, and none of a name with other words', () => {
    const policies = book({ CONVERGE__POLICIES__CONSUMER__ORDER_VIEW__ATTEMPTS: '2' });
    const attempts = (name: string) => policies.for(name).attempts;
    for (const name of ['consumer.order-view', 'consumer.order_view.orders.placed', 'consumer.orderView'])
      expect([name, attempts(name)]).toEqual([name, 2]);
    for (const name of ['consumer.order', 'consumer.order.view', 'consumer.order-views'])
      expect([name, attempts(name)]).toEqual([name, 3]);
  });

  it.each([
    [
      { CONVERGE__POLICIES__PAYMENT__RETRIES: '3' },
      'CONVERGE__POLICIES__PAYMENT__RETRIES (environment): no such setting',
    ],
    [
      { CONVERGE__POLICIES__PAYMENT__BREAKER__FAILURE_RATE: '0.25' },
      'CONVERGE__POLICIES__PAYMENT__BREAKER__FAILURE_RATE (environment): no such setting',
    ],
    [
      { CONVERGE__POLICIES__PAYMENT__CHARGE__ATTEMPTS: '0' },
      'policies.payment.charge.attempts = 0 (environment CONVERGE__POLICIES__PAYMENT__CHARGE__ATTEMPTS): attempts counts the first one',
    ],
    [{ CONVERGE__POLICIES__PAYMENT__BACKOFF__BASE_MS: '-1' }, 'baseMs must not be negative'],
  ])('an invalid policy setting is rejected by name, value and variable: %j', (env, message) => {
    expect(() => loadConfig(schema, { env })).toThrow(ConfigError);
    expect(() => loadConfig(schema, { env })).toThrow(message);
  });
});
