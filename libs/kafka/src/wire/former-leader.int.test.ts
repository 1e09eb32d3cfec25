import { expect, it, onTestFinished } from 'vitest';
import { drivers } from '../fixture/drivers.ts';
import { ScriptedBroker } from '../fixture/scripted-broker.ts';

/** The first of two brokers is cut off from its controllers: it names itself as the leader that it was. */
async function cutOff(): Promise<readonly [former: ScriptedBroker, present: ScriptedBroker]> {
  const [former, present] = [await new ScriptedBroker().start(), await new ScriptedBroker().start()];
  former.leaders = present.leaders = [former, present];
  former.election = 3;
  present.election = 4;
  present.end = 9n;
  return [former, present];
}

// Planted faults: the ends of a log by the leader that the first broker names, and leaders of which the first is asked for all. A
// consumer that starts finds its offset behind the end of the former leader's log, and halts; a relay finds records lost.
it.each(drivers)(
  'an admin has the end of a log from its last leader, whichever broker it asks first (%s)',
  async (_, connect) => {
    const [former] = await cutOff();
    const client = connect({ brokers: [`127.0.0.1:${former.port}`], clientId: 'scripted' });
    onTestFinished(() => client.close());
    const found = [0, 1, 2, 3].map((partition) => ({ partition, earliest: 7n, latest: 9n }));
    for (let n = 0; n < 10; n += 1) {
      const admin = await client.admin();
      expect(await admin.partitionEnds('orders')).toEqual(found);
      await admin.close();
    }
  },
);
