import { readFileSync } from 'node:fs';

/** The packages that an application shares with the kit. */
export type Peers = Readonly<Record<'pg' | 'kysely' | 'zod' | '@opentelemetry/api', string>>;

/** The lowest version of each peer that compiles and runs; the ranges in the manifests begin there. */
export const LOWEST: Peers = {
  pg: '8.16.0',
  kysely: '0.28.0',
  zod: '4.1.0',
  '@opentelemetry/api': '1.10.0',
};

/** Nest at both ends of the range of @convergekit/nest. */
export const NEST = { lowest: '11.0.0', newest: '^12.0.0' } as const;

/** These packages in the versions of this repository. */
export function ofRepository(...names: readonly string[]): Readonly<Record<string, string>> {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { devDependencies } = JSON.parse(manifest) as { devDependencies: Readonly<Record<string, string>> };
  return Object.fromEntries(names.map((name) => [name, devDependencies[name] ?? '']));
}
