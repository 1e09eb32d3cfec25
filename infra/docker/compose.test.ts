import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { shopLogins } from './logins.ts';

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly profiles?: readonly string[];
  readonly restart: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly read_only?: boolean;
  readonly security_opt: readonly string[];
  readonly deploy?: { readonly resources?: { readonly limits?: object } };
}

const root = new URL('../../', import.meta.url);
const file = new URL('docker-compose.yml', root);
const { services } = parse(readFileSync(file, 'utf8'), { merge: true }) as {
  services: Readonly<Record<string, Service>>;
};
const all = Object.entries(services);

/** The logins of a service with their databases: `orders_relay@orders`. */
function loginsOf({ environment = {} }: Service): readonly string[] {
  return Object.values(environment).flatMap((value) => {
    const { user, base } =
      /^postgres:\/\/(?<user>\w+):.*@postgres:5432\/(?<base>\w+)$/.exec(value)?.groups ?? {};
    return user === undefined ? [] : [`${user}@${base ?? ''}`];
  });
}

it('every login of the compose file is made by its preparation, in the database that it uses, and none is made in vain', () => {
  const made = Object.entries(shopLogins).flatMap(([base, logins]) =>
    logins.map(({ name }) => `${name}@${base}`),
  );
  const used = all.filter(([name]) => name !== 'prepare').flatMap(([, service]) => loginsOf(service));
  expect([...new Set(used)].toSorted()).toEqual(made.toSorted());
});

it('every container of the compose file has no new privileges, a memory limit, and restarts, except the preparation', () => {
  for (const [name, { security_opt, deploy, restart }] of all) {
    expect([name, security_opt]).toEqual([name, ['no-new-privileges:true']]);
    expect([name, restart]).toEqual([name, name === 'prepare' ? 'no' : 'unless-stopped']);
    if (name !== 'prepare')
      expect([name, deploy?.resources?.limits]).toEqual([
        name,
        expect.objectContaining({ memory: expect.any(String) as string }),
      ]);
  }
});

it('N13: every process of the image has a read-only root and no capabilities', () => {
  const ours = all.filter(([, { image }]) => image.includes('CONVERGE_IMAGE'));
  expect(ours.length).toBeGreaterThanOrEqual(10);
  for (const [name, { read_only, cap_drop, profiles }] of ours)
    expect([name, read_only, cap_drop, profiles]).toEqual([name, true, ['ALL'], ['shop']]);
});

it('every port of the compose file is published on the loopback address only', () => {
  for (const [name, { ports = [] }] of all)
    for (const port of ports) expect(`${name} ${port}`).toMatch(/ 127\.0\.0\.1:/);
});

/** The folder or file of the repository that a container sees at a path. */
function mountedAt(name: string, path: string): string | undefined {
  const volume = services[name]?.volumes?.find((one) => one.split(':')[1] === path);
  return volume?.split(':')[0];
}

const yamlOf = (path: string): unknown => parse(readFileSync(new URL(path, root), 'utf8'));

// Planted fault: without `observer` among the names that Prometheus looks up, it fails here.
it('Prometheus of the profile observability scrapes every process of the image by the name of its service', () => {
  const path = mountedAt('prometheus', '/etc/prometheus/prometheus.yaml') ?? '';
  const config = yamlOf(path) as {
    scrape_configs: readonly { dns_sd_configs: readonly { names: readonly string[]; port: number }[] }[];
  };
  const [found] = config.scrape_configs.flatMap(({ dns_sd_configs }) => dns_sd_configs);
  const processes = all.filter(([name, { image }]) => image.includes('CONVERGE_IMAGE') && name !== 'prepare');
  expect(found?.names.toSorted()).toEqual(processes.map(([name]) => name).toSorted());
  for (const [name, { ports = [] }] of processes)
    expect([name, ports.some((port) => port.endsWith(`:${found?.port}`))]).toEqual([name, true]);
  expect(mountedAt('prometheus', '/etc/prometheus/rules')).toBe('./infra/prometheus');
});

// Planted fault: with another variable in the data source than the compose file sets, it fails here.
it('Grafana of the profile observability is given what its provisioning files refer to', () => {
  const provisioning = mountedAt('grafana', '/etc/grafana/provisioning') ?? '';
  const { providers } = yamlOf(`${provisioning}/dashboards/converge.yaml`) as {
    providers: readonly { options: { path: string } }[];
  };
  expect(providers.map(({ options }) => mountedAt('grafana', options.path))).toEqual([
    './infra/grafana/dashboards',
  ]);
  const { datasources } = yamlOf(`${provisioning}/datasources/prometheus.yaml`) as {
    datasources: readonly { url: string; type: string }[];
  };
  const variables = Object.keys(services['grafana']?.environment ?? {});
  expect(datasources.map(({ type }) => type)).toEqual(['prometheus']);
  for (const { url } of datasources) expect(variables.map((name) => `\${${name}}`)).toContain(url);
  expect(services['grafana']?.environment?.['PROMETHEUS_URL']).toBe('http://prometheus:9090');
});

it('the collector of the profile observability is given its configuration', () => {
  expect(mountedAt('collector', '/etc/collector.yaml')).toBe('./infra/docker/collector.yaml');
});
