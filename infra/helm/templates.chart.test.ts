/** The pods of the chart, in every case. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type ChartScene, chart, containersOf, helm, renderAll } from './fixture/chart-scene.ts';
import { type Container, variablesOf } from './fixture/pods.ts';
import { render } from './fixture/render.ts';
import { settingsOfContainer } from './fixture/settings-of.ts';

let scene: ChartScene;
const everyContainer = (): readonly { readonly where: string; readonly one: Container }[] =>
  scene.workloads.flatMap((workload) =>
    containersOf(workload).map((one) => ({ where: `${workload.from}: ${workload.name}/${one.name}`, one })),
  );

describe('the chart', () => {
  beforeAll(async () => {
    scene = await renderAll();
  });

  it('deploys nothing without a setting that says what', async () => {
    expect((await render(helm, chart)).objects).toEqual([]);
  });

  it('runs each process without rights: no root, no capability, no writable disk, the default seccomp profile', () => {
    expect(scene.workloads.length).toBeGreaterThan(8);
    for (const { where, one } of everyContainer())
      expect({ where, ...(one.securityContext as object) }).toMatchObject({
        where,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
        privileged: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
    for (const { from, template } of scene.workloads.filter((one) => one.from !== 'example')) {
      expect(template.spec).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
      const user = from === 'local' ? {} : { runAsUser: 1000 };
      expect(template.spec.securityContext).toEqual({
        runAsNonRoot: true,
        ...user,
        seccompProfile: { type: 'RuntimeDefault' },
      });
    }
  });

  it('gives each process bounds of memory but none of CPU, and mounts nothing but its secrets, read-only', () => {
    for (const { where, one } of everyContainer()) {
      // A relay that is throttled loses its lease.
      expect(Object.keys(one.resources?.['limits'] ?? {}), where).not.toContain('cpu');
      expect({ where, ...one.resources }).toMatchObject(
        where === 'everything: shop-converge-relay-order-list/relay'
          ? { requests: { cpu: '200m' } }
          : { requests: {}, limits: { memory: expect.stringMatching(/Mi$/) as string } },
      );
      expect(one.volumeMounts, where).toEqual([
        { name: expect.any(String) as string, mountPath: '/run/secrets/converge', readOnly: true },
      ]);
    }
    for (const { name, template } of scene.workloads)
      for (const volume of template.spec.volumes.filter((one) => one.name !== 'orders'))
        expect(Object.keys(volume), name).toEqual(['name', 'projected']);
  });

  it('N13: passes only settings that the commands know, and every secret as a file that is mounted', () => {
    for (const workload of scene.workloads)
      for (const one of containersOf(workload)) {
        const files = settingsOfContainer(one, workload.template.spec.volumes);
        expect(files.unknown, `${workload.from}: ${workload.name}`).toEqual([]);
        expect(files.named, `${workload.from}: ${workload.name}`).toEqual(files.mounted);
      }
  });

  it('mounts the authority of Postgres in every pod, and gives each process the login to Kafka of its own', () => {
    const variables = (name: string): Readonly<Record<string, string>> =>
      variablesOf(scene.workload('everything', `shop-converge-${name}`).template.spec.containers[0]!);
    for (const name of ['relay-orders', 'reconciler', 'console', 'migrate-orders'])
      expect(variables(name)['PGSSLROOTCERT'], name).toBe('/run/secrets/converge/postgres/ca');
    const user = (name: string): unknown => variables(name)['CONVERGE__KAFKA__SASL__USERNAME'];
    expect(['relay-orders', 'relay-order-list', 'reconciler', 'console', 'migrate-orders'].map(user)).toEqual(
      ['orders-relay', 'relays', 'reconciler', 'console', undefined],
    );
    const volumes = (name: string): string =>
      JSON.stringify(scene.workload('everything', `shop-converge-${name}`).template.spec.volumes);
    expect(volumes('relay-orders')).toContain('"name":"orders-kafka","items":[{"key":"secret"');
    expect(volumes('relay-orders')).toContain('{"configMap":{"name":"rds-authorities"');
    expect(volumes('relay-order-list')).toContain('"kafka-login"');
    expect(volumes('reconciler')).not.toContain('"kafka-login"');
    expect(volumes('migrate-orders')).not.toContain('kafka');
  });

  it('probes /startupz, /livez and /readyz of the port that the process gets', () => {
    for (const { name, kind, template } of scene.workloads) {
      const [container] = template.spec.containers;
      if (kind !== 'Deployment' || container === undefined || name === 'orders') continue;
      const { startupProbe, livenessProbe, readinessProbe, ports } = container;
      expect([startupProbe, livenessProbe, readinessProbe]).toMatchObject(
        ['/startupz', '/livez', '/readyz'].map((path) => ({ httpGet: { path, port: 'health' } })),
      );
      expect(String(ports.find((port) => port.name === 'health')?.containerPort)).toBe(
        variablesOf(container)['CONVERGE__HEALTH__PORT'],
      );
    }
  });

  it('runs two relays for each source, replaces them one by one, spreads them, and lets a drain take one', () => {
    const relay = scene.workload('relays', 'shop-converge-relay-orders');
    expect(relay).toMatchObject({
      replicas: 2,
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: { spec: { terminationGracePeriodSeconds: 40 } },
    });
    const labels = relay.selector!.matchLabels;
    expect(relay.template.spec['topologySpreadConstraints']).toEqual(
      ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map((topologyKey) => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: labels },
        matchLabelKeys: ['pod-template-hash'],
      })),
    );
    expect(scene.named('relays', 'PodDisruptionBudget')).toMatchObject([
      { spec: { maxUnavailable: 1, selector: { matchLabels: labels } } },
    ]);
    // A budget for a single pod would hold up every drain.
    expect(scene.named('local', 'PodDisruptionBudget')).toEqual([]);
    expect(relay.template.metadata.labels).toMatchObject(labels);
    expect(
      new Set(scene.workloads.filter((one) => one.from === 'everything').map(({ name }) => name)),
    ).toEqual(
      new Set([
        'shop-converge-relay-orders',
        'shop-converge-relay-order-list',
        'shop-converge-reconciler',
        'shop-converge-console',
        'shop-converge-migrate-orders',
        'shop-converge-migrate-inventory',
      ]),
    );
  });

  it('migrates before it installs or upgrades, as the owner of the tables and without an account of the chart', () => {
    const jobs = scene.named('everything', 'Job');
    expect(jobs.map(({ metadata }) => metadata.annotations)).toEqual(
      jobs.map(() => ({
        'helm.sh/hook': 'pre-install,pre-upgrade',
        'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded',
      })),
    );
    const { template } = scene.workload('everything', 'shop-converge-migrate-orders');
    expect(template.spec).toMatchObject({
      serviceAccountName: 'default',
      containers: [{ command: ['tini', '--', 'converge'], args: ['migrate', '--source', 'orders'] }],
    });
    expect(JSON.stringify(template.spec.volumes)).toContain('orders-owner');
  });

  it('runs the relay of another chart as a native sidecar that never takes its pod out of service', () => {
    const { template } = scene.workload('example', 'orders');
    const [relay] = template.spec.initContainers;
    expect(relay).toMatchObject({
      name: 'relay',
      restartPolicy: 'Always',
      command: ['tini', '--', 'converge'],
      args: ['relay'],
      startupProbe: { httpGet: { path: '/livez' } },
      livenessProbe: { httpGet: { path: '/livez' } },
    });
    // Both would wait for Kafka: the service must start and go on writing without it.
    expect(relay?.readinessProbe).toBeUndefined();
    expect(scene.named('example', 'Deployment').map(({ metadata }) => metadata.name)).toEqual(['orders']);
    expect(scene.named('example', 'Job').length).toBe(1);
  });
});
