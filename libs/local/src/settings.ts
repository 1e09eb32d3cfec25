import { z } from 'zod';
import type { LocalOptions } from './local-broker.ts';

/** The settings of local mode, the same for every process. */
export const localSettings = z.object({
  url: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'expected postgres://user:password@host:5432/database')
    .optional()
    .meta({
      description: 'The database of the local log; services that exchange events name the same one.',
      range: 'postgres://user:password@host:port/database',
      fallback: 'DATABASE_URL',
    }),
});

/** Maps the settings to options of `localBroker`; `databaseUrl` is the process's own database. */
export function localOptions(
  { url }: z.output<typeof localSettings>,
  databaseUrl: string | undefined,
): Pick<LocalOptions, 'url' | 'setting'> {
  if (url !== undefined) return { url, setting: 'CONVERGE__LOCAL__URL' };
  return databaseUrl === undefined ? {} : { url: databaseUrl };
}
