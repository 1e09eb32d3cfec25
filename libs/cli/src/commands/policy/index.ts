import { CATEGORIES, type Category } from '@convergekit/core';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Act, positive } from '../../frame/command-parts.ts';
import type { SetFlags } from './set.ts';
import type { HistoryFlags, SimulateFlags } from './list.ts';

/** Policies: what they are, where they come from, what they do, and changing them without a restart. */
export function addPolicyCommands(program: Command, act: Act): void {
  const policy = program
    .command('policy')
    .description(
      'policies of file, environment and central table; an application’s own rules lie below them',
    );
  addLooking(policy, act);
  policy
    .command('set')
    .description('change a rule of the central table; running processes follow within seconds')
    .argument('<name>', 'default, a dependency (payment) or an operation (payment.charge)')
    .argument(
      '[fields...]',
      'attempts=2 backoff.capMs=500 deadlineMs=unbounded; attempts= takes the field back',
    )
    .option('--clear', 'take back all that the rule changes')
    .option('--reason <text>', 'why; goes into the audit')
    .option('--dry-run', 'show what would hold, and change nothing')
    .option('--yes', 'do not ask')
    .action((name: string, fields: string[], flags: SetFlags, command: Command) =>
      act(command, async (context) => (await import('./set.ts')).setPolicy(context, name, fields, flags)),
    );
  policy
    .command('history')
    .description('who changed the central table, when, what and why; newest first')
    .argument('[name]', 'only of this name')
    .option('--limit <n>', 'at most so many', positive, 20)
    .action((name: string | undefined, flags: HistoryFlags, command: Command) =>
      act(command, async (context) => (await import('./list.ts')).policyHistory(context, name, flags)),
    );
}

function addLooking(policy: Command, act: Act): void {
  policy
    .command('list')
    .description('every name with a rule, its policy, and where it comes from')
    .action((_flags: unknown, command: Command) =>
      act(command, async (context) => (await import('./list.ts')).listPolicies(context)),
    );
  policy
    .command('show')
    .description('the policy of a name as data, and the rules that made it')
    .argument('<name>', 'any name, also one without a rule of its own')
    .action((name: string, _flags: unknown, command: Command) =>
      act(command, async (context) => (await import('./list.ts')).showPolicy(context, name)),
    );
  policy
    .command('explain')
    .description('what the policy of a name does, attempt by attempt')
    .argument('<name>', 'any name')
    .action((name: string, _flags: unknown, command: Command) =>
      act(command, async (context) => (await import('./list.ts')).explainPolicy(context, name)),
    );
  policy
    .command('simulate')
    .description('how much load the policy of a name adds at 0 to 100 % failures')
    .argument('<name>', 'any name')
    .addOption(new Option('--category <name>', 'what fails').default('service').argParser(category))
    .option('--calls <n>', 'calls at each rate', positive, 10_000)
    .option('--seed <n>', 'of the random numbers', positive, 42)
    .action((name: string, flags: SimulateFlags, command: Command) =>
      act(command, async (context) => (await import('./list.ts')).simulatePolicy(context, name, flags)),
    );
  policy
    .command('paths')
    .description('which operations heal themselves, which are compensated, which need a person')
    .argument('<modules...>', 'files or packages that export what operation() returns')
    .action((modules: string[], _flags: unknown, command: Command) =>
      act(command, async (context) => (await import('./paths.ts')).showPaths(context, modules)),
    );
}

function category(text: string): Category {
  const known = CATEGORIES.find((one) => one === text);
  if (known === undefined) throw new InvalidArgumentError(`It must be one of ${CATEGORIES.join(', ')}`);
  return known;
}
