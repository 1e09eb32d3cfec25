import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { attributeNames, instrumentDefinitions, type InstrumentDefinition } from './names.ts';

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly record?: string; readonly alert?: string; readonly expr: string }[];
  }[];
}

function rulesIn(file: string): Rules['groups'][number]['rules'] {
  const text = readFileSync(new URL(`../../../infra/prometheus/${file}`, import.meta.url), 'utf8');
  return (parse(text) as Rules).groups.flatMap((group) => group.rules);
}
const rules = rulesIn('slo.rules.yaml');

/** The name in Prometheus: see scrape.ts. */
function shown({ kind, name, unit }: InstrumentDefinition): readonly string[] {
  const flat = name.replaceAll('.', '_');
  switch (kind) {
    case 'counter':
      return [`${flat}_total`];
    case 'gauge':
      return [unit === 's' ? `${flat}_seconds` : flat];
    case 'age':
      return [`${flat}_seconds`];
    case 'histogram':
    case 'duration': {
      const base = kind === 'duration' ? `${flat}_seconds` : flat;
      return ['_bucket', '_sum', '_count'].map((end) => `${base}${end}`);
    }
  }
}

const metrics = new Set(Object.values(instrumentDefinitions).flatMap((definition) => shown(definition)));
const labels = new Set(Object.values(attributeNames).map((name) => name.replaceAll('.', '_')));

// Planted fault: one letter of a metric, a label or a recorded name changed in the file fails here.
describe('the rules for objectives', () => {
  it('SLO rules and the alerts of consumers and reconcilers query metrics, labels and recorded series that exist', () => {
    const recorded = new Set(rules.map(({ record }) => record));
    for (const { expr } of [
      ...rules,
      ...rulesIn('consumers.rules.yaml'),
      ...rulesIn('reconcilers.rules.yaml'),
    ]) {
      const words = expr.match(/converge[\w:]*/g) ?? [];
      expect(words).not.toEqual([]);
      for (const word of words)
        expect([word, metrics.has(word) || labels.has(word) || recorded.has(word)]).toEqual([word, true]);
    }
  });

  it('SLO rules count as bad what exceeds the policy, by outcomes and categories', () => {
    const bad = rules.filter(({ record }) => record?.includes('_bad:'));
    expect(bad).toHaveLength(4);
    for (const { expr } of bad) {
      expect(expr).toContain('converge_outcome=~"give_up|park|dead|stop"');
      expect(expr).toContain('converge_failure_category!="business"');
    }
  });

  it('SLO alerts cover a fast and a slow burn, each over two windows', () => {
    const alerts = rules.filter(({ alert }) => alert !== undefined).map(({ expr }) => expr);
    expect(alerts.map((expr) => expr.match(/rate\w+/g))).toEqual([
      ['rate1h', 'rate5m'],
      ['rate6h', 'rate30m'],
    ]);
  });
});
