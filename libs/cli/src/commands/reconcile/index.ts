import { approve, pause, resume, retry } from '@convergekit/operate/reconcile';
import { actCommand } from '../../frame/act-command.ts';
import { auditCommand, historyCommand } from './history.ts';
import { diffCommand } from './diff.ts';
import { listCommand } from './list.ts';
import { runCommand } from './run.ts';
import { showCommand } from './show.ts';

export const reconcileCommands = [
  runCommand,
  listCommand,
  showCommand,
  diffCommand,
  auditCommand,
  historyCommand,
  ...[approve, retry, pause, resume].map(actCommand),
];
