import { randomBytes } from 'node:crypto';
import type { Database } from '@convergekit/postgres';
import { type Login, makeLogin, makeRoles } from '../../../../infra/docker/login-sql.ts';

/** The logins of the processes, each with only the rights of its duty. */
export interface Logins {
  /** Consumes and emits, and owns the business tables' rows. */
  readonly service: string;
  readonly relay: string;
  readonly reconciler: string;
}

const rights: Readonly<Record<keyof Logins, Pick<Login, 'duties' | 'ownTables'>>> = {
  service: { duties: ['consumer'], ownTables: true },
  relay: { duties: ['relay'], ownTables: false },
  // The reconciler reads and repairs business tables.
  reconciler: { duties: ['reconciler'], ownTables: true },
};

/** Makes the logins of a source whose tables are there, as the owner. One source after the other: roles are shared by a server. */
export async function makeLogins(
  { executor }: Pick<Database, 'executor'>,
  ownerUrl: string,
): Promise<Logins> {
  await makeRoles(executor);
  const base = new URL(ownerUrl).pathname.slice(1);
  const made: Record<keyof Logins, string> = { service: '', relay: '', reconciler: '' };
  for (const kind of ['service', 'relay', 'reconciler'] as const) {
    const name = `${base}_${kind}`;
    const password = randomBytes(12).toString('hex');
    await makeLogin(executor, { name, password, ...rights[kind] });
    made[kind] = urlFor(ownerUrl, name, password);
  }
  return made;
}

function urlFor(ownerUrl: string, login: string, password: string): string {
  const url = new URL(ownerUrl);
  url.username = login;
  url.password = password;
  return url.href;
}
