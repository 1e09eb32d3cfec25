import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { conditionOf, conditions, conditionSections } from '@convergekit/operate';
import { attributeNames, instrumentDefinitions } from '../../libs/telemetry/src/names.ts';
import { prometheusLabel, seriesNames } from '../../libs/telemetry/src/prometheus-name.ts';
import { alertCases } from './fixture/index.ts';
import { readRules } from './rules.ts';

const rules = readRules();
const slo = rules.filter(({ file }) => file === 'slo.rules.yaml');
const alerts = rules.filter(({ alert }) => alert !== undefined);
const guide = readFileSync(new URL('../../docs/guides/alarms.md', import.meta.url), 'utf8');

const metrics = new Set(
  Object.values(instrumentDefinitions).flatMap((definition) => seriesNames(definition)),
);
const labels = new Set(Object.values(attributeNames).map(prometheusLabel));

// Planted fault: one letter more in the name of a metric is named here.
it('rules query metrics, labels and recorded series that exist', () => {
  const recorded = new Set(rules.map(({ record }) => record));
  for (const { expr } of rules) {
    const words = expr.match(/converge[\w:]*/g) ?? [];
    expect(words).not.toEqual([]);
    for (const word of words)
      expect([word, metrics.has(word) || labels.has(word) || recorded.has(word)]).toEqual([word, true]);
  }
});

describe('the rules for objectives', () => {
  it('S39: SLO rules count as bad what exceeds the policy, by outcomes and categories', () => {
    const bad = slo.filter(({ record }) => record?.includes('_bad:'));
    expect(bad).toHaveLength(4);
    for (const { expr } of bad) {
      expect(expr).toContain('converge_outcome=~"give_up|park|dead|stop"');
      expect(expr).toContain('converge_failure_category!="business"');
    }
  });

  it('SLO alerts cover a fast and a slow burn, each over two windows', () => {
    const burns = slo.filter(({ alert }) => alert !== undefined).map(({ expr }) => expr);
    expect(burns.map((expr) => expr.match(/rate\w+/g))).toEqual([
      ['rate1h', 'rate5m'],
      ['rate6h', 'rate30m'],
    ]);
  });
});

describe('alerts', () => {
  const covered = (alert: (typeof alerts)[number]): readonly string[] =>
    alert.annotations?.['alarms']?.split(' ') ?? [];

  it('S39: each alert has a severity, a summary, a next step, and the address of a page of the console as its runbook', () => {
    for (const { alert, labels: own, annotations } of alerts) {
      expect([alert, own?.['severity']]).toEqual([alert, expect.stringMatching(/^(page|ticket)$/)]);
      expect(annotations).toMatchObject({ summary: expect.any(String), next: expect.any(String) });
      const [, path = ''] =
        /^\{\{ \$externalLabels\.converge_console \}\}(\/.+)$/.exec(annotations?.['runbook_url'] ?? '') ?? [];
      const [, name] = /^\/alarms\/(\w+)$/.exec(path) ?? [];
      const screens = ['/failures', '/policies', '/schedules'];
      const ofLabel = /^\/alarms\/\{\{ \$labels\.(converge_alarm|converge_attempt_reason) \}\}$/;
      const isKnown = name === undefined ? screens.includes(path) || ofLabel.test(path) : conditionOf(name);
      expect([alert, path, isKnown]).toEqual([alert, path, isKnown || 'a page']);
    }
  });

  it('the texts of an alert use only labels that its expression keeps', () => {
    for (const { alert, expr, annotations } of alerts) {
      const used = [
        ...Object.values(annotations ?? {})
          .join(' ')
          .matchAll(/\$labels\.(\w+)/g),
      ];
      // A recorded series has the labels that the rules which record it keep.
      const recording = expr.includes('converge:') ? slo : [];
      const kept = [expr, ...recording.map((rule) => rule.expr)]
        .flatMap((text) => [...text.matchAll(/by \(([^)]*)\)/g)])
        .flatMap(([, list = '']) => list.split(/,\s*/));
      for (const [, label] of used) expect([alert, kept]).toEqual([alert, expect.arrayContaining([label])]);
    }
  });

  // Planted fault: a condition that no rule covers, or one that wakes an operator and has a rule that opens a ticket alone.
  it('S39: every condition has a rule that pages or opens a ticket as it says, or is one that no metric shows', () => {
    const severityOf = new Map<string, 'now' | 'today'>();
    for (const alert of alerts)
      for (const name of covered(alert))
        if (severityOf.get(name) !== 'now')
          severityOf.set(name, alert.labels?.['severity'] === 'page' ? 'now' : 'today');
    const pages = conditions.map(({ name, page }) => [name, page]);
    expect(conditions.map(({ name }) => [name, severityOf.get(name) ?? 'log'])).toEqual(pages);
    expect([...severityOf.keys()].filter((name) => conditionOf(name) === undefined)).toEqual([]);
  });

  it('the guide names the conditions that no metric shows', () => {
    const [, logged = ''] = /^No metric shows (.*?):/ms.exec(guide) ?? [];
    const named = [...logged.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
    expect(named.sort()).toEqual(
      conditions.flatMap(({ name, page }) => (page === 'log' ? [name] : [])).sort(),
    );
  });

  it('every alarm of the relay is selected by exactly one of its two alerts', () => {
    const selected = alerts
      .filter(({ expr }) => expr.includes('converge_relay_alarm'))
      .map((alert) => {
        const [, list = ''] = /converge_alarm=~"([^"]*)"/.exec(alert.expr) ?? [];
        expect(list.split('|')).toEqual(covered(alert));
        return list.split('|');
      });
    expect(selected).toHaveLength(2);
    expect(selected.flat().sort()).toEqual(conditionSections.relay.map(({ name }) => name).sort());
  });

  it('each alert has a case for promtool, in the list of its file', () => {
    const cases = Object.entries(alertCases).flatMap(([file, list]) =>
      list.map(({ alert }) => [file, alert]),
    );
    expect([...cases].sort()).toEqual(alerts.map(({ file, alert }) => [file, alert]).sort());
  });
});
