import { loopService, poll, runServices, Wake } from '@convergekit/core';

declare const sendReminders: () => Promise<void>;
declare const log: (text: string, error: unknown) => void;

const wake = new Wake(); // wake.notify() requests a run now
const reminders = loopService({
  name: 'reminders',
  run: (signal) =>
    poll({
      everyMs: 60_000,
      signal,
      wake,
      run: sendReminders,
      onError: (error) => log('the reminders wait for the next run', error),
    }),
});

// Until SIGTERM, SIGINT or the first failure; then every service is stopped, in reverse.
await runServices([reminders]);
