import { forgetSagas, sagaMigrations } from '@converge/saga';
import { audit } from '../audit.ts';
import { confirm } from '../confirm.ts';
import type { CommandContext } from '../context.ts';
import { type DatabaseFlags, withDatabases } from '../story/named-databases.ts';

export interface SagaForgetFlags extends DatabaseFlags {
  readonly olderThan: number;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

const DAY_MS = 86_400_000;

/** Takes sagas that ended long ago out of the databases of the services that took part, and of the observer. */
export function forgetSagasCommand(
  context: CommandContext,
  { olderThan, dryRun = false, yes = false, ...flags }: SagaForgetFlags,
): Promise<boolean> {
  return withDatabases(context.settings, flags, [sagaMigrations], async (named) => {
    const services = named.map(({ database }) => database.executor);
    const [observer] = services;
    if (observer === undefined) return false;
    const of = { observer, services, olderThanMs: olderThan * DAY_MS };
    const planned = await forgetSagas({ ...of, dryRun: true });
    const names = named.map(({ name }) => name);
    if (!dryRun && planned.sagas > 0)
      await confirm(`Forget ${planned.sagas} sagas in ${names.join(', ')}?`, { yes });
    const { sagas, steps, held } = dryRun ? planned : await forgetSagas(of);
    if (!dryRun) audit('saga forget', { databases: names, olderThanDays: olderThan, sagas, steps, held });
    context.output.result({ databases: names, sagas, steps, held, dryRun }, () => [
      dryRun
        ? `${sagas} sagas would be forgotten in ${names.join(', ')}`
        : `${sagas} sagas forgotten in ${names.join(', ')}: ${steps} steps with their journals`,
      ...(held > 0
        ? [`${held} have ended, and one of these services is not through with them: they stay`]
        : []),
    ]);
    return true;
  });
}
