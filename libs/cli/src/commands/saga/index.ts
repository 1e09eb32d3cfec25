import { INSTANCE_STATES } from '@convergekit/saga';
import { type Command, Option } from 'commander';
import { type Act, positive } from '../../frame/command-parts.ts';
import type { SagaListFlags } from './list.ts';
import type { SagaActFlags, SagaResolveFlags } from './act.ts';
import type { GraphFlags } from './graph.ts';
import type { DatabaseFlags } from '../../history/named-databases.ts';

const MORE = ['--database <url...>', 'more databases, of other services that take part'] as const;

/** Sagas: how they stand, what happened, whether their journals are sound, and their graphs. */
export function addSagaCommands(program: Command, act: Act): void {
  const saga = program.command('saga').description('sagas: how they stand, what happened and why');
  addLooks(saga, act);
  addActs(saga, act);
  addGraph(saga, act);
}

function addLooks(saga: Command, act: Act): void {
  saga
    .command('list')
    .description('instances as an observer in these databases has them, the one that changed last first')
    .addOption(new Option('--state <state...>', 'only in these states').choices([...INSTANCE_STATES]))
    .option('--saga <name>', 'only of this saga')
    .option('--key <key>', 'only with this key')
    .option('--limit <n>', 'at most so many', positive, 50)
    .option(...MORE)
    .action((flags: SagaListFlags, command: Command) =>
      act(command, async (context) => (await import('./list.ts')).listSagas(context, flags)),
    );
  saga
    .command('show')
    .description('one instance: how it stands, and each step')
    .argument('<instance>', 'the id of the event that started it')
    .option(...MORE)
    .action((instance: string, flags: DatabaseFlags, command: Command) =>
      act(command, async (context) => (await import('./list.ts')).showSaga(context, instance, flags)),
    );
  saga
    .command('narrative')
    .description('one instance as a story: what each step did and why, waits, parks, compensations, people')
    .argument('<instance>', 'the id of the event that started it')
    .option(...MORE)
    .action((instance: string, flags: DatabaseFlags, command: Command) =>
      act(command, async (context) => (await import('./list.ts')).narrativeCommand(context, instance, flags)),
    );
  saga
    .command('verify')
    .description(
      'replay the journals of sagas and compensation stacks, and find compensations without a cause; 1 when something is wrong',
    )
    .argument('[instance]', 'only this one: of a saga, or the id of a stack')
    .option(...MORE)
    .action((instance: string | undefined, flags: DatabaseFlags, command: Command) =>
      act(command, async (context) => (await import('./list.ts')).verifySagas(context, instance, flags)),
    );
}

function addActs(saga: Command, act: Act): void {
  saga
    .command('retry')
    .description('have a step tried again now: its call, its undo, or the event that it could not handle')
    .argument('<instance>', 'the id of the event that started it')
    .argument('<step>', 'in DATABASE_URL, of the service that runs it')
    .requiredOption('--reason <text>', 'why: it is part of the story')
    .option('--yes', 'do not ask')
    .action((instance: string, step: string, flags: SagaActFlags, command: Command) =>
      act(command, async (context) =>
        (await import('./act.ts')).retryCommand(context, instance, step, flags),
      ),
    );
  saga
    .command('resolve')
    .description(
      'say what became of a step that waits, from the records of the other side; the worker settles it',
    )
    .argument('<instance>', 'the id of the event that started it')
    .argument('<step>', 'in DATABASE_URL, of the service that runs it')
    .addOption(
      new Option('--event <type>', 'the fact: its success, failure or undone event').conflicts([
        'failed',
        'effectStays',
      ]),
    )
    .option('--version <n>', 'of that event’s contract; the declared one if you leave it out', positive)
    .option('--data <json>', 'of that event')
    .option('--key <key>', 'of that event, where it has another key than the step')
    .addOption(
      new Option('--failed <code>', 'it certainly took no effect, for this reason').conflicts('effectStays'),
    )
    .option(
      '--effect-stays',
      'of an undo that cannot be done: its effect is let go of, the steps before go on',
    )
    .option(
      '--sagas <module...>',
      'that export the declaration of the saga: type, data and key are checked against it before anything is written',
    )
    .requiredOption('--reason <text>', 'how you know: it is part of the story')
    .option('--yes', 'do not ask')
    .action((instance: string, step: string, flags: SagaResolveFlags, command: Command) =>
      act(command, async (context) =>
        (await import('./act.ts')).resolveCommand(context, instance, step, flags),
      ),
    );
}

function addGraph(saga: Command, act: Act): void {
  saga
    .command('graph')
    .description('check the sagas that modules export, and draw them as Mermaid')
    .argument('<modules...>', 'files or packages')
    .option('--consumers', 'also that the consumers that the modules export listen to all they must')
    .action((modules: string[], flags: GraphFlags, command: Command) =>
      act(command, async (context) => (await import('./graph.ts')).graphCommand(context, modules, flags)),
    );
}
