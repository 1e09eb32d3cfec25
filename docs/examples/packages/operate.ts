import { converge } from 'convergekit/process';

// What needs a person in the databases of the settings, as one JSON document: views and conditions, printed by the command.
process.exitCode = await converge(['doctor', '--json']);
