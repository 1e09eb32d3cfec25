import { checkSagas, type SagaVerdict } from '../checker/sagas/check.ts';
import type { End } from '../checker/sagas/ends.ts';
import { dumpShop } from '../demo/collect/sql-dump.ts';
import { checkBooks } from './books.ts';
import { dumpBanks, dumpSagas, whatRunsAreAbout } from './collect.ts';
import type { Driven } from './drive.ts';
import { shapes } from './shapes.ts';
import { judgeBySql } from './sql-judge.ts';
import type { World } from './world.ts';

export interface Check {
  readonly claim: string;
  readonly looked: number;
  readonly findings: readonly string[];
}

export interface Judgement {
  readonly ends: ReadonlyMap<string, Readonly<Record<End, number>>>;
  readonly checks: readonly Check[];
  /** The number of sagas that wait for an operator, by reason. */
  readonly stuck: ReadonlyMap<string, number>;
}

/** Reads everything that all services and the provider have, and judges it. */
export async function judge(world: World, serverUrl: string, driven: Driven): Promise<Judgement> {
  const dump = await dumpSagas(world);
  const verdict = checkSagas(shapes, dump);
  const about = await whatRunsAreAbout(world);
  const runs = new Map(
    verdict.runs.flatMap((run) => {
      const id = about.get(run.instance);
      return id === undefined ? [] : [[id, run] as const];
    }),
  );
  const books = checkBooks(await dumpShop(world.shop.databases), await dumpBanks(world), driven, runs);
  const sql = await judgeBySql(serverUrl, dump);
  return { ends: verdict.ends, stuck: reasons(verdict), checks: [...fromChecker(verdict), ...books, ...sql] };
}

export function passed({ looked, findings }: Check): boolean {
  return looked > 0 && findings.length === 0;
}

function fromChecker({ checks }: SagaVerdict): readonly Check[] {
  return checks.map(({ claim, looked, anomalies }) => ({
    claim,
    looked,
    findings: anomalies.map(({ kind, witness }) => `${kind}: ${witness}`),
  }));
}

function reasons({ runs }: SagaVerdict): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { steps } of runs)
    for (const { step, stuck } of steps.values())
      if (stuck !== null) counts.set(`${step}: ${stuck}`, (counts.get(`${step}: ${stuck}`) ?? 0) + 1);
  return counts;
}
