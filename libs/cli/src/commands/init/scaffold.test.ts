import { describe, expect, it } from 'vitest';
import { scaffoldFile, serviceName } from './scaffold.ts';

const named = { name: 'demo-shop', version: '1.2.3' };
const pathOf = (path: string): string => scaffoldFile({ path, text: '' }, named).path;

describe('a file of the scaffold', () => {
  it('a file of the scaffold has the name of the service in topics, constants and its package', () => {
    const text = `export const myService = defineService('my-service', { topic: 'my-service.orders' });`;
    expect(scaffoldFile({ path: 'src/service.ts', text }, named).text).toBe(
      `export const demoShopService = defineService('demo-shop', { topic: 'demo-shop.orders' });`,
    );
  });

  it('a service whose name ends with service does not say so twice in its constant', () => {
    const file = { path: 'src/main.ts', text: 'await myService.run();' };
    expect(scaffoldFile(file, { ...named, name: 'demo-service' }).text).toBe('await demoService.run();');
  });

  it('the package.json of a scaffold asks for the version of the kit that wrote it', () => {
    const file = {
      path: '_package.json',
      text: '{"version": "0.0.0", "dependencies": {"convergekit": "0.0.0", "@convergekit/testing": "0.0.0"}}',
    };
    expect(scaffoldFile(file, named)).toEqual({
      path: 'package.json',
      text: '{"version": "0.0.0", "dependencies": {"convergekit": "1.2.3", "@convergekit/testing": "1.2.3"}}',
    });
  });

  it('files that npm or a tool would take for their own get their names in the scaffold', () => {
    expect(
      [
        ...['_gitignore', '_dockerignore', '_github/workflows/ci.yml', '_env.example'],
        ...['_tsconfig.json', '_eslint.config.js', 'src/main.ts'],
      ].map(pathOf),
    ).toEqual([
      ...['.gitignore', '.dockerignore', '.github/workflows/ci.yml', '.env.example'],
      ...['tsconfig.json', 'eslint.config.js', 'src/main.ts'],
    ]);
  });

  it.each(['Demo', 'demo_shop', '../demo', '1demo', 'demo-', ''])('%j is no name of a service', (name) => {
    expect(serviceName.test(name)).toBe(false);
  });
});
