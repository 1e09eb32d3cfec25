import { approveCommand } from './approve.ts';
import { auditCommand } from './audit.ts';
import { diffCommand } from './diff.ts';
import { historyCommand } from './history.ts';
import { listCommand } from './list.ts';
import { pauseCommand } from './pause.ts';
import { resumeCommand } from './resume.ts';
import { retryCommand } from './retry.ts';
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
