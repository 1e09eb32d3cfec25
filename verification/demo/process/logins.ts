import { randomBytes } from 'node:crypto';
import { type Duty, roleSql } from '@convergekit/cli/operate';
import type { Database } from '@convergekit/postgres';

/** The logins of the processes, each with only the rights of its duty. */
export interface Logins {
  /** Consumes and emits, and owns the business tables' rows. */
  readonly service: string;
  readonly relay: string;
  readonly reconciler: string;
}

const rolesOf: Readonly<Record<keyof Logins, readonly Duty[]>> = {
  service: ['consumer'],
  relay: ['relay'],
  // The reconciler reads the state of other services, and repairs its own.
  reconciler: ['reconciler', 'read'],
};
const groups: readonly Duty[] = ['writer', 'consumer', 'relay', 'reconciler', 'read'];

/** Makes the logins of a source whose tables are there, as the owner. One source after the other: roles are shared by a server. */
export async function makeLogins(
  { executor }: Pick<Database, 'executor'>,
  ownerUrl: string,
): Promise<Logins> {
  for (const group of groups) await executor.query(roleSql(group));
  const base = new URL(ownerUrl).pathname.slice(1);
  const made: Partial<Record<keyof Logins, string>> = {};
  for (const kind of ['service', 'relay', 'reconciler'] as const) {
    const login = `${base}_${kind}`;
    const password = randomBytes(12).toString('hex');
    await executor.query(`create role "${login}" login password '${password}'`);
    for (const duty of rolesOf[kind]) await executor.query(`grant converge_${duty} to "${login}"`);
    made[kind] = urlFor(ownerUrl, login, password);
  }
  for (const kind of ['service', 'reconciler'])
    await executor.query(`
      grant select, insert, update, delete on all tables in schema public to "${base}_${kind}";
      grant usage on all sequences in schema public to "${base}_${kind}"`);
  return { service: '', relay: '', reconciler: '', ...made };
}

function urlFor(ownerUrl: string, login: string, password: string): string {
  const url = new URL(ownerUrl);
  url.username = login;
  url.password = password;
  return url.href;
}
