import { expect, it, onTestFinished } from 'vitest';
import { drivers } from '../fixture/drivers.ts';
import { ScriptedBroker } from '../fixture/scripted-broker.ts';

/** The first of two brokers is cut off from its controllers: it names itself as the leader of all partitions, as it was. */
async function cutOff(): Promise<ScriptedBroker> {
  const [former, present] = [await new ScriptedBroker().start(), await new ScriptedBroker().start()];
  former.leaders = present.leaders = [former, present];
  former.leadsAll = true;
  present.election = 1;
  present.end = 9n;
  return former;
}

// Planted faults: the ends of a log by the leader that the first broker names, and leaders of which the first is asked for all. A
// consumer that starts finds its offset behind the end of the former leader's log, and halts; a relay finds records lost.
it.each(drivers)(
  'an admin has the end of a log from its last leader, whichever broker it asks first (%s)',
  async (_, connect) => {
    const former = await cutOff();
    const client = connect({ brokers: [`127.0.0.1:${former.port}`], clientId: 'scripted' });
    onTestFinished(() => client.close());
    // The second leads every other partition since.
    const found = [7n, 9n, 7n, 9n].map((latest, partition) => ({ partition, earliest: 7n, latest }));
    for (let n = 0; n < 10; n += 1) {
      const admin = await client.admin();
      expect(await admin.partitionEnds('orders')).toEqual(found);
      await admin.close();
    }
  },
);
