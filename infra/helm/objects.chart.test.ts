/** The objects of the chart beside its pods: policies, metrics, rules. */
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { root } from '../packages/workspaces.ts';
import { type ChartScene, chart, helm, renderAll, valuesOf } from './fixture/chart-scene.ts';
import { type Manifest, render } from './fixture/render.ts';

const egressOf = z.object({ egress: z.array(z.object({ ports: z.array(z.object({ port: z.number() })) })) });

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
      egress: [{ ports: [{ port: 53 }, { port: 53 }] }, { ports: [{ port: 5432 }] }],
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

  it('opens the ports of the brokers and of the databases of each process, and none that is not listed', async () => {
    const portsOf = (objects: readonly Manifest[], name: string): readonly number[] => {
      const policy = objects.find(
        ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name.endsWith(name),
      );
      const { egress } = egressOf.parse(policy?.spec);
      return egress.flatMap(({ ports }) => ports.map(({ port }) => port));
    };
    const everything = scene.named('everything', 'NetworkPolicy');
    expect(portsOf(everything, 'relay')).toEqual([53, 53, 5432, 6432, 9093, 4317, 4318]);
    expect(portsOf(everything, 'console')).toEqual([53, 53, 5432, 9093, 4317, 4318]);
    expect(portsOf(everything, 'reconciler')).toEqual([53, 53, 5432, 6432, 9093, 4317, 4318, 443]);
    const sets = ['kafka.brokers=["b-1.msk:9096","b-2.msk:9098"]', 'networkPolicy.postgres.ports=[15432]'];
    const { objects } = await render(helm, chart, [valuesOf('relays')], sets);
    expect(portsOf(objects, 'relay')).toEqual([53, 53, 15432, 9096, 9098, 4317, 4318]);
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
