import type { LockedPackage } from './lock.ts';

/** A component of CycloneDX. */
export interface Component {
  readonly type: 'library';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses: readonly { readonly expression: string }[];
  readonly hashes: readonly { readonly alg: string; readonly content: string }[];
}

/** A bill of materials in CycloneDX 1.5. */
export interface Bill {
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.5';
  readonly version: 1;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/**
 * The licenses that may be in what is published: permissive ones, whose terms a user meets by keeping the notices.
 * A compound license ("MIT OR …") is refused, too, until its whole expression is decided and added.
 */
const ALLOWED: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
]);

/** Writes the bill of packages, one component for each name and version. Pure: the same lock gives the same bill. */
export function billOf(packages: ReadonlyMap<string, LockedPackage>, main: string): Bill {
  const components = new Map<string, Component>();
  const needs = new Map<string, Set<string>>();
  for (const one of packages.values()) {
    components.set(refOf(one), componentOf(one));
    const known = needs.get(refOf(one)) ?? new Set();
    for (const place of one.needs) {
      const needed = packages.get(place);
      if (needed !== undefined) known.add(refOf(needed));
    }
    needs.set(refOf(one), known);
  }
  const sorted = [...components.values()].toSorted((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
  const component = sorted.find(({ name }) => name === main);
  if (component === undefined) throw new Error(`${main} is not among the packages`);
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component },
    components: sorted.filter((one) => one !== component),
    dependencies: sorted.map((one) => ({
      ref: one['bom-ref'],
      dependsOn: [...(needs.get(one['bom-ref']) ?? [])].toSorted(),
    })),
  };
}

const refOf = ({ name, version }: LockedPackage): string => `${name}@${version}`;

function componentOf(one: LockedPackage): Component {
  const { name, version, license, integrity } = one;
  return {
    type: 'library',
    'bom-ref': refOf(one),
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    licenses: license === '' ? [] : [{ expression: license }],
    hashes: integrity === undefined ? [] : integrity.split(' ').map(hashOf),
  };
}

/** `sha512-<base64>` as CycloneDX writes it. */
function hashOf(integrity: string): { readonly alg: string; readonly content: string } {
  const dash = integrity.indexOf('-');
  return {
    alg: integrity.slice(0, dash).toUpperCase().replace('SHA', 'SHA-'),
    content: Buffer.from(integrity.slice(dash + 1), 'base64').toString('hex'),
  };
}

/** True for a package of this repository. */
export function isOwn({ name }: Pick<Component, 'name'>): boolean {
  return name === 'convergekit' || name.startsWith('@convergekit/');
}

const licenseOf = ({ licenses }: Component): string => licenses[0]?.expression ?? '';

/** Names what is wrong with components. Pure. */
export function faultsOf(components: readonly Component[]): readonly string[] {
  return components.flatMap((one) => [
    ...(ALLOWED.has(licenseOf(one))
      ? []
      : [
          `${one['bom-ref']} has the license ${licenseOf(one) || '(none)'}, which is not on the list: replace the package, or decide and add the license to infra/sbom/bill.ts`,
        ]),
    ...(isOwn(one) || one.hashes.length > 0
      ? []
      : [`${one['bom-ref']} has no hash in package-lock.json: run npm install for it again`]),
  ]);
}

/** Counts components by license, the most frequent first. Pure. */
export function countsOf(components: readonly Component[]): readonly (readonly [string, number])[] {
  const counts = Map.groupBy(components, licenseOf);
  return [...counts].map(([name, all]) => [name, all.length] as const).toSorted((a, b) => b[1] - a[1]);
}
