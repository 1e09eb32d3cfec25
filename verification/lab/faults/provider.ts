import { sendJson } from '../../programs.ts';
import { type Fault, fault } from '../types.ts';

/** How the payment provider behaves: `every` n-th call. */
export interface Behaviour {
  readonly mode: 'normal' | 'hang' | 'late' | 'fail' | 'decline';
  readonly every?: number;
  readonly lateMs?: number;
}

/** Sets the behaviour of the payment provider until the next call. */
export async function behaveAs(
  { providerUrl }: { readonly providerUrl: string },
  behaviour: Behaviour,
): Promise<string> {
  await sendJson(new URL('/admin/behaviour', providerUrl), behaviour, { method: 'PUT' });
  return behaviour.mode;
}

export function provider(behaviour: Behaviour, about: string): Fault {
  return fault({
    name: `provider-${behaviour.mode}`,
    about,
    needs: ['providerUrl'],
    holdMs: [2_000, 10_000],
    background: true,
    inject: async (targets, { clock }) => {
      const repair = async (): Promise<void> => {
        // A provider that was killed is started again: it has forgotten how it behaved.
        while (!(await behaveAs(targets, { mode: 'normal' }).catch(() => undefined))) await clock.sleep(200);
      };
      const what = await behaveAs(targets, behaviour).catch((error: unknown) => `not now: ${String(error)}`);
      return { what, repair };
    },
  });
}

export const providerFaults: readonly Fault[] = [
  provider({ mode: 'hang', every: 3 }, 'the provider does not answer every third call'),
  provider(
    { mode: 'late', every: 3, lateMs: 4_000 },
    'the provider’s answers to every third call come too late',
  ),
  provider({ mode: 'fail', every: 2 }, 'the provider fails every second call'),
  provider({ mode: 'decline', every: 4 }, 'the provider declines every fourth card'),
];
