import { STACK_STATES } from '@convergekit/workflow';
import { type Command, Option } from 'commander';
import { type Act, positive } from '../../frame/command-parts.ts';
import type { StackActFlags, StackListFlags, StackResolveFlags } from './workflow.ts';

const NAMED = ['<stack>', "the declaration's name"] as const;
const ID = ['<id>', 'as `stack list` shows it'] as const;

/** Several effects that stand or fall together: what is being undone, what is stuck, and a person's word on it. */
export function addStackCommands(program: Command, act: Act): void {
  const stack = program.command('stack').description('compensation stacks: what is undone, what is stuck');
  addReading(stack, act);
  addActing(stack, act);
}

function addReading(stack: Command, act: Act): void {
  stack
    .command('list')
    .description('stacks in DATABASE_URL, the oldest first')
    .addOption(new Option('--state <state...>', 'only in these states').choices([...STACK_STATES]))
    .option('--stack <name>', 'only of this declaration')
    .option('--limit <n>', 'at most so many', positive, 50)
    .action((flags: StackListFlags, command: Command) =>
      act(command, async (context) => (await import('./workflow.ts')).listStackCommand(context, flags)),
    );
  stack
    .command('show')
    .description('one stack: its plan of undo, and its whole journal')
    .argument(...NAMED)
    .argument(...ID)
    .action((name: string, id: string, _flags: unknown, command: Command) =>
      act(command, async (context) => (await import('./workflow.ts')).showStack(context, name, id)),
    );
  stack
    .command('verify')
    .description('replay the journal and compare it with the state; exit code 1 when they do not agree')
    .argument(...NAMED)
    .argument(...ID)
    .action((name: string, id: string, _flags: unknown, command: Command) =>
      act(command, async (context) => (await import('./workflow.ts')).verifyStackCommand(context, name, id)),
    );
}

function addActing(stack: Command, act: Act): void {
  const acting = (what: string, description: string, reason: string): Command =>
    stack
      .command(what)
      .description(description)
      .argument(...NAMED)
      .argument(...ID)
      .requiredOption('--reason <text>', reason)
      .option('--yes', 'do not ask');
  acting('retry', 'try now what waits or is stuck', 'why: it is kept in the journal').action(
    (name: string, id: string, flags: StackActFlags, command: Command) =>
      act(command, async (context) =>
        (await import('./workflow.ts')).retryStackCommand(context, name, id, flags),
      ),
  );
  acting('resolve', 'say what became of the step that is stuck', 'the evidence: it is kept in the journal')
    .addOption(new Option('--undone', 'its effect is gone').conflicts(['applied', 'notApplied']))
    .addOption(new Option('--not-applied', 'it never took effect').conflicts('applied'))
    .option('--applied <json>', 'it took effect, with this result')
    .action((name: string, id: string, flags: StackResolveFlags, command: Command) =>
      act(command, async (context) =>
        (await import('./workflow.ts')).resolveStackCommand(context, name, id, flags),
      ),
    );
  acting(
    'forget',
    'let go of the effect that cannot be undone; what was done before it is undone',
    'why it may stay',
  ).action((name: string, id: string, flags: StackActFlags, command: Command) =>
    act(command, async (context) =>
      (await import('./workflow.ts')).forgetStepCommand(context, name, id, flags),
    ),
  );
}
