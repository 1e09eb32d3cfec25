import { join } from 'node:path';
import { waitUntil } from '@convergekit/testing';
import type { CaseResult, World } from '../case.ts';
import { Child } from '../measure/child.ts';
import { type Latencies, latenciesOf, latencyCells, latencyFigures } from '../measure/compare.ts';
import { race } from '../measure/series.ts';
import { table } from '../report/markdown.ts';
import { openService, type Service } from './service.ts';

const LIMIT_MS = 300_000;

interface Turn extends Latencies {
  readonly repairs: number;
}

/** Measures a service under load in turn without and with a reconciler process on its database. */
export async function measureOnOff(world: World): Promise<Pick<CaseResult, 'figures' | 'rounds'>> {
  const { rate, seconds, tailRounds, rows, quick } = world.settings;
  const service = await openService(world, Math.min(rows, quick ? 20_000 : 200_000));
  try {
    await service.load(rate, seconds); // to warm up
    const turns = await race<'off' | 'on', Turn>({
      allMustHold: true,
      name: 'reconcile',
      sides: ['off', 'on'],
      nameOf: (way) => `reconciler ${way}`,
      rounds: tailRounds,
      say: world.say,
      measure: (way) => (way === 'on' ? turnOn(world, service) : turnOf(service, rate, seconds)),
      line: ({ p50, p99, repairs }) =>
        `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, ${repairs} repairs`,
    });
    return {
      figures: latencyFigures(turns, {
        name: `a service at ${rate} tx/s, reconciler on / off`,
        bars: { p50: { kind: 'report' }, p99: { kind: 'at most', ratio: 1.05 } },
        ours: 'reconciler on',
        rival: 'reconciler off',
        spreadOf: 'reconciler off',
        digits: 2,
      }),
      rounds: table(
        ['reconciler', 'round', 'transactions', 'p50 ms', 'p99 ms', 'max ms', 'repairs'],
        turns.rows((turn) => [...latencyCells(turn), String(turn.repairs)]),
      ),
    };
  } finally {
    await service.remove();
  }
}

/** A turn beside a reconciler process that has done all earlier work. */
async function turnOn(world: World, service: Service): Promise<Turn> {
  const { rate, seconds } = world.settings;
  const child = startReconciler(world, service);
  const stopped = world.cleanup.add(() => child.stop());
  try {
    const isCaughtUp = async (): Promise<boolean> => {
      child.assertAlive();
      const { ranges, due, reported, waiting } = await service.progress();
      return ranges > 0 && due + reported + waiting === 0;
    };
    await waitUntil(isCaughtUp, { what: 'the reconciler to catch up', deadlineMs: LIMIT_MS });
    const turn = await turnOf(service, rate, seconds);
    if (turn.repairs === 0) throw new Error('the reconciler repaired nothing while it was measured');
    return turn;
  } finally {
    await stopped();
  }
}

async function turnOf(service: Service, rate: number, seconds: number): Promise<Turn> {
  const { repairs: before } = await service.progress();
  // The first second is not counted.
  const took = (await service.load(rate, seconds + 1)).slice(rate);
  const { repairs } = await service.progress();
  return { ...latenciesOf(took), repairs: repairs - before };
}

function startReconciler({ folder }: World, { serviceUrl, wantedUrl }: Service): Child {
  return new Child({
    name: 'the reconciler',
    command: process.execPath,
    args: ['--conditions=source', 'services/reconciler/src/main.ts'],
    env: {
      CONVERGE__MODULES: './verification/benchmarks/reconcile/service-reconciler.ts',
      CONVERGE__DATABASES__SERVICE: serviceUrl,
      CONVERGE__DATABASES__WANTED: wantedUrl,
      CONVERGE__RECONCILE__LEASE_MS: '5000',
    },
    logFile: join(folder, 'reconciler.log'),
  });
}
