import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { dashboards } from '../grafana/source/boards/index.ts';
import { expressionOf, queriesOf } from '../grafana/source/model.ts';
import type { AlertCase, Series } from './fixture/alert-case.ts';
import { alertCases } from './fixture/index.ts';
import { readRules, rulesFiles, rulesFolder } from './rules.ts';

const folder = mkdtempSync(join(tmpdir(), 'converge-promtool-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function promtool(...args: readonly string[]): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

const severities = new Map(readRules().map(({ alert = '', labels }) => [alert, labels?.['severity'] ?? '']));

/** Two tests of promtool: the alert fires, and the nearest thing that is no reason does not make it fire. */
function testsOf({ alert, at, firing, labels, quiet }: AlertCase): readonly object[] {
  const own = { alertname: alert, alertstate: 'firing', severity: severities.get(alert), ...labels };
  const sample = Object.entries(own).map(([name, value]) => `${name}="${String(value)}"`);
  const test = (name: string, series: Series, samples: readonly object[]): object => ({
    name: `${alert} ${name}`,
    interval: '1m',
    input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
    promql_expr_test: [
      { expr: `ALERTS{alertname="${alert}",alertstate="firing"}`, eval_time: at, exp_samples: samples },
    ],
  });
  return [
    test('fires', firing, [{ labels: `ALERTS{${sample.join(',')}}`, value: 1 }]),
    test('does not fire', quiet, []),
  ];
}

// Planted faults: a threshold ten times as high does not fire here, and a wrong metric in `absent` fires where it must not.
describe('with promtool', { tags: 'promtool' }, () => {
  it.each(rulesFiles())(
    'N12, S39: %s: every alert fires for its reason, and not for the nearest thing beside it',
    (file) => {
      for (const [every, cases] of Map.groupBy(alertCases[file] ?? [], (one) => one.every ?? '1m')) {
        const tests = join(folder, `${every}.${file}`);
        const rules = fileURLToPath(new URL(file, rulesFolder));
        writeFileSync(
          tests,
          stringify({ rule_files: [rules], evaluation_interval: every, tests: cases.flatMap(testsOf) }),
        );
        const { status, output } = promtool('test', 'rules', tests);
        expect([status, output]).toEqual([0, expect.stringContaining('SUCCESS')]);
      }
    },
  );

  it('N12: every query of every panel is PromQL', () => {
    const queries = dashboards.flatMap(({ rows }) => rows.flatMap(({ panels }) => panels.flatMap(queriesOf)));
    const rules = queries.map((query, index) => ({
      record: `panel:query:${index}`,
      expr: expressionOf(query).replaceAll(/\$__\w+/g, '1m'),
    }));
    const file = join(folder, 'queries.yaml');
    writeFileSync(file, stringify({ groups: [{ name: 'panels', rules }] }));
    const { status, output } = promtool('check', 'rules', file);
    expect([status, output]).toEqual([0, expect.stringContaining(`${queries.length} rules`)]);
  });
});
