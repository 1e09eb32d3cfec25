import { parseArgs } from 'node:util';
import { driverNames } from '@convergekit/kafka';
import { passed, runOutage } from './outage.ts';

/** `make outage`: Kafka down, then Postgres down, under load. Exit code 0: nothing parked, lost, doubled or reordered. */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    rate: { type: 'string', default: '200' },
    driver: { type: 'string', default: 'kafkajs' },
  },
});
const driver = driverNames.find((name) => name === values.driver);
if (driver === undefined)
  throw new Error(`--driver is ${values.driver}, but must be ${driverNames.join(' or ')}`);
const report = await runOutage({
  downMs: Number(values.seconds) * 1_000,
  rate: Number(values.rate),
  driver,
  note: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
process.exitCode = passed(report) ? 0 : 1;
