// What runs inside a Pod of the interception test, as a process of its own:
//   in-pod.ts serve NAME KIND:PORT[:HOST]... http and tcp servers, on all addresses unless told, until it is ended
//   in-pod.ts send HOST PORT CALL-AS-JSON a request; prints the answer as JSON
//   in-pod.ts line HOST PORT TEXT         a line over TCP; prints what came back as JSON
import { startHttp, startTcpEcho } from '../servers/backend.ts';
import { send, sendLine } from './traffic.ts';

const start = { http: startHttp, tcp: startTcpEcho };

async function serve([name = '', ...servers]: readonly string[]): Promise<void> {
  for (const server of servers) {
    const [kind, port, host = '0.0.0.0'] = server.split(':');
    await start[kind as keyof typeof start](name, { host, port: Number(port) });
  }
  process.stdout.write('ready\n');
  process.on('SIGTERM', () => process.exit(0));
}

const [command, ...args] = process.argv.slice(2);
const [host = '', port = '', text = '{}'] = args;
const at = { host, port: Number(port) };
if (command === 'serve') await serve(args);
else {
  const call = command === 'send' ? send(at, JSON.parse(text)) : sendLine(at, text);
  const result = await call.catch((error: NodeJS.ErrnoException) => ({ failed: error.code ?? error.message }));
  process.stdout.write(JSON.stringify(result));
}
