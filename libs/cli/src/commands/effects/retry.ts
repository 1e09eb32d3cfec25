import {
  type ActingOperator,
  actOnWork,
  type Outcome,
  readWork,
  type WorkDetail,
} from '@convergekit/saga/operate';
import { sagaMigrations } from '@convergekit/saga';
import { shellWord } from '@convergekit/core/engine';
import { type Database, type Executor, withTransaction } from '@convergekit/postgres';
import { recordAct } from '@convergekit/postgres/operate';
import { command } from '../../frame/command.ts';
import { refused } from '../../frame/errors.ts';
import { asks, reason as why, someArguments } from '../../frame/flags.ts';
import { actOn } from '../journal/act.ts';

export const retryCommand = command({
  name: 'retry',
  summary: 'retry now what waits; call again what is stuck, although the call before may have taken effect',
  args: { ids: someArguments('as `effects list` shows them') },
  flags: { reason: why('why: it is kept with the intent'), ...asks },
  run: async (context, { ids, reason }) => {
    const database = await context.database(sagaMigrations);
    const works = [];
    for (const id of ids) works.push(await ownWork(database.executor, id));
    const stuck = works.filter(({ state }) => state === 'stuck').length;
    const question = stuck > 0 ? `Call again ${stuck} that may have taken effect already?` : undefined;
    return actOn(
      context,
      { did: 'retry', reason, question },
      ids.map((id) => ({ named: { id }, text: id, act: (by) => actAndRecord(database, id, by) })),
    );
  },
});

/** Reads an intent. Rejects with WORK_OF_SAGA for an intent of a saga step: the saga's journal records who acted. */
export async function ownWork(executor: Executor, id: string): Promise<WorkDetail> {
  const work = await readWork(executor, id);
  const { instance, step } = work;
  if (instance === null) return work;
  throw refused(
    'WORK_OF_SAGA',
    `${id} is of a step of a saga, whose journal records who acted: use \`converge saga retry ${shellWord(instance)} ${step ?? ''}\`, or \`converge saga resolve\``,
  );
}

/** Acts on an intent, and records who did it and why where all acts of operators are listed. */
export async function actAndRecord(
  database: Database,
  id: string,
  by: ActingOperator,
  outcome?: Outcome,
): Promise<void> {
  const act = outcome === undefined ? 'effects retry' : 'effects resolve';
  const after = { outcome: outcome?.kind };
  await withTransaction(database, {}, async (tx) => {
    await actOnWork(tx, id, by, outcome);
    await recordAct(tx, { act, subject: id, by: by.actor, reason: by.note, after });
  });
}
