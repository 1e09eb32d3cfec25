import { explainCommand } from './explain.ts';
import { historyCommand } from './history.ts';
import { listCommand } from './list.ts';
import { pathsCommand } from './paths.ts';
import { setCommand } from './set.ts';
import { showCommand } from './show.ts';
import { simulateCommand } from './simulate.ts';

export const policyCommands = [
  listCommand,
  showCommand,
  explainCommand,
  simulateCommand,
  pathsCommand,
  setCommand,
  historyCommand,
];
