/** The objects of the chart beside its pods: policies, metrics, rules. */
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { root } from '../packages/stage.ts';
import { type ChartScene, renderAll } from './fixture/chart-scene.ts';

let scene: ChartScene;

describe('the chart', () => {
  beforeAll(async () => {
    scene = await renderAll();
  });

  it('allows each process only the ports that it needs, and opens the console only to peers that are named', () => {
    const policies = scene.named('everything', 'NetworkPolicy');
    expect(policies.map(({ metadata }) => metadata.name.replace('shop-converge-', '')).sort()).toEqual([
      'console',
      'migrate',
      'reconciler',
      'relay',
    ]);
    for (const { spec } of policies) expect(spec).toMatchObject({ policyTypes: ['Ingress', 'Egress'] });
    const policy = (from: string, name: string): unknown =>
      scene.named(from, 'NetworkPolicy').find(({ metadata }) => metadata.name.endsWith(name))?.spec;
    expect(policy('everything', 'migrate')).toMatchObject({
      ingress: null,
      egress: [{ ports: [{ port: 53 }, { port: 53 }] }, { ports: [{ port: 5432 }, { port: 6432 }] }],
    });
    expect(policy('everything', 'console')).toMatchObject({
      ingress: [
        { from: [{ namespaceSelector: {} }], ports: [{ port: 'health' }] },
        { from: [{ podSelector: { matchLabels: { app: 'gateway' } } }], ports: [{ port: 'http' }] },
      ],
    });
    expect(JSON.stringify(policy('everything', 'reconciler'))).toContain('10.1.0.0/24');
    expect(JSON.stringify(policy('everything', 'relay'))).not.toContain('10.1.0.0/24');
    expect(scene.named('local', 'NetworkPolicy')).toEqual([]);
  });

  it('has the alert rules of infra/prometheus, and those of reconcilers only with a reconciler', () => {
    const rules = globSync('infra/prometheus/*.rules.yaml', { cwd: root });
    const expected = rules.map((path) => [
      `shop-converge-${basename(path, '.rules.yaml')}`,
      parse(readFileSync(join(root, path), 'utf8')) as unknown,
    ]);
    const found = (from: string): unknown[] =>
      scene.named(from, 'PrometheusRule').map(({ metadata, spec }) => [metadata.name, spec]);
    expect(Object.fromEntries(found('everything') as [])).toEqual(Object.fromEntries(expected as []));
    expect(found('console').length).toBe(expected.length - 1);
  });

  it('scrapes every pod of the release, also one that is not ready', () => {
    const service = scene
      .named('everything', 'Service')
      .find(({ metadata }) => metadata.name.endsWith('-metrics'))!;
    const selector = service.spec?.['selector'] as Record<string, string>;
    const own = scene.workloads.filter(({ from, kind }) => from === 'everything' && kind === 'Deployment');
    for (const { template } of own) expect(template.metadata.labels).toMatchObject(selector);
    expect(service.spec).toMatchObject({ publishNotReadyAddresses: true, ports: [{ targetPort: 'health' }] });
    const [monitor] = scene.named('everything', 'ServiceMonitor');
    expect(monitor?.spec).toMatchObject({
      endpoints: [{ port: 'health', path: '/metrics', interval: '15s' }],
    });
    const wanted = (monitor?.spec?.['selector'] as { matchLabels: object }).matchLabels;
    expect(service.metadata.labels).toMatchObject(wanted);
  });
});
