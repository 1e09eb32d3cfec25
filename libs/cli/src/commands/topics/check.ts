import { topicsOfOutbox } from '../../doctor/outbox-topics.ts';
import { findingsOf } from '../../doctor/findings.ts';
import { checkTopic } from '../../doctor/topic-checks.ts';
import { command } from '../../frame/command.ts';
import { anyArguments } from '../../frame/flags.ts';
import { fromModules, topicsOfModules } from './declared-topics.ts';

/** Checks the named topics, those of modules, or all that the outbox of DATABASE_URL uses. */
export const checkCommand = command({
  name: 'check',
  summary: 'check that topics exist and suit events',
  args: { names: anyArguments('topic names (default: those that the outbox of DATABASE_URL uses)') },
  flags: fromModules,
  run: async (context, { names, from }) => {
    const named = [...names, ...(from.length === 0 ? [] : await topicsOfModules(from))];
    const wanted = named.length > 0 ? named : await topicsOfOutbox((await context.database()).executor);
    if (wanted.length === 0)
      context.output.progress('the outbox has no event yet, so it names no topic: give names to check');
    const admin = await context.admin();
    const findings = [];
    for (const name of new Set(wanted)) findings.push(...checkTopic(name, await admin.describeTopic(name)));
    return findingsOf(context.output, findings);
  },
});
