import { randomBytes } from 'node:crypto';
import type { Database } from '@convergekit/postgres';
import { type Login, makeLogin, makeRoles } from '../../../../infra/docker/login-sql.ts';
import { eachOf } from '../../prepare.ts';

/** The rights of the processes: each has only those of its duty. */
const rights = {
  /** Consumes and emits, and owns the business tables' rows. */
  service: { duties: ['consumer'], ownTables: true },
  relay: { duties: ['relay'], ownTables: false },
  /** Reads and repairs business tables. */
  reconciler: { duties: ['reconciler'], ownTables: true },
} as const satisfies Record<string, Pick<Login, 'duties' | 'ownTables'>>;

/** The addresses of a database by the login of each process. */
export type Logins = Awaited<ReturnType<typeof makeLogins>>;

/** Makes the logins of a source whose tables are there, as the owner. */
export async function makeLogins({ executor }: Pick<Database, 'executor'>, ownerUrl: string) {
  await makeRoles(executor);
  return eachOf(Object.keys(rights) as (keyof typeof rights)[], async (kind) => {
    const url = new URL(ownerUrl);
    url.username = `${url.pathname.slice(1)}_${kind}`;
    url.password = randomBytes(12).toString('hex');
    await makeLogin(executor, { name: url.username, password: url.password, ...rights[kind] });
    return url.href;
  });
}
