import { basename, dirname, join, resolve } from 'node:path';

/** A service that `converge dev` runs, as the path of its module gives it. */
export interface DevService {
  readonly main: string;
  /** Names its lines, and its database. */
  readonly name: string;
  /** Where its migrations may be; the first folder that exists has them. */
  readonly migrations: readonly string[];
}

/** Names of modules that say nothing about their service: its folder does. */
const PLAIN = new Set(['main', 'index', 'server', 'app', 'service']);
const SOURCES = new Set(['src', 'dist', 'lib']);

/** Derives services from the paths of their modules (pure, but for the working folder). */
export function devServices(mains: readonly string[]): readonly DevService[] {
  return mains.map((main) => {
    const path = resolve(main);
    const folder = SOURCES.has(basename(dirname(path))) ? dirname(dirname(path)) : dirname(path);
    const stem = basename(path).replace(/\.[^.]+$/, '');
    const name = PLAIN.has(stem) ? basename(folder) : stem;
    return {
      main,
      name,
      migrations: [join(folder, 'migrations', name), join(folder, 'migrations')],
    };
  });
}

/** Returns a name that two of the services share; undefined if none do. */
export function sharedName(services: readonly DevService[]): string | undefined {
  const databases = services.map(databaseOf);
  return services.find((_, at) => databases.indexOf(databases[at] ?? '') !== at)?.name;
}

/** The database of a service, as Postgres takes it without quotes. */
export function databaseOf({ name }: DevService): string {
  return name.toLowerCase().replace(/[^a-z0-9_]/g, '_');
}
