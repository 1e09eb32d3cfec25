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
  readonly cap_drop?: readonly string[];
  readonly read_only?: boolean;
  readonly security_opt: readonly string[];
  readonly deploy?: { readonly resources?: { readonly limits?: object } };
}

const file = new URL('../../docker-compose.yml', import.meta.url);
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

it('every process of the image has a read-only root and no capabilities', () => {
  const ours = all.filter(([, { image }]) => image.includes('CONVERGE_IMAGE'));
  expect(ours.length).toBeGreaterThanOrEqual(10);
  for (const [name, { read_only, cap_drop, profiles }] of ours)
    expect([name, read_only, cap_drop, profiles]).toEqual([name, true, ['ALL'], ['shop']]);
});

it('every port of the compose file is published on the loopback address only', () => {
  for (const [name, { ports = [] }] of all)
    for (const port of ports) expect(`${name} ${port}`).toMatch(/ 127\.0\.0\.1:/);
});
