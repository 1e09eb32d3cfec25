import { approveCommand, pauseCommand, resumeCommand, retryCommand } from './act.ts';
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
  approveCommand,
  auditCommand,
  retryCommand,
  historyCommand,
  pauseCommand,
  resumeCommand,
];
