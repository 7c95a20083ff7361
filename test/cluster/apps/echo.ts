// Answers every request with a text: `node echo.ts -listen=:8080 -text=v1`.
import { createServer } from 'node:http';

const flag = (name: string): string =>
  process.argv.find((word) => word.startsWith(`-${name}=`))?.slice(name.length + 2) ?? '';

createServer((_, answer) => answer.end(`${flag('text')}\n`)).listen(Number(flag('listen').replace(/^.*:/, '')));
process.once('SIGTERM', () => process.exit(0));
