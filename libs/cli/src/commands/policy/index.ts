import { explainCommand, historyCommand, listCommand, showCommand, simulateCommand } from './show.ts';
import { pathsCommand } from './paths.ts';
import { setCommand } from './set.ts';

export const policyCommands = [
  listCommand,
  showCommand,
  explainCommand,
  simulateCommand,
  pathsCommand,
  setCommand,
  historyCommand,
];
