// Takes out of a container's specification the capabilities that this machine does not have itself. Called with runc's own
// arguments before runc is.
// https://github.com/opencontainers/runtime-spec/blob/main/config.md#linux-process
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

/** By their bits. */
const capabilities = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
).split(' ');

interface OciProcess {
  capabilities?: Record<string, readonly string[]>;
}

const { values } = parseArgs({
  options: { bundle: { type: 'string', short: 'b' }, process: { type: 'string', short: 'p' } },
  strict: false,
});
if (typeof values.bundle === 'string')
  edit(join(values.bundle, 'config.json'), ({ process }: { process?: OciProcess }) => process);
if (typeof values.process === 'string') edit(values.process, (process: OciProcess) => process);

function edit<T>(file: string, processOf: (content: T) => OciProcess | undefined): void {
  if (!existsSync(file)) return;
  const content = JSON.parse(readFileSync(file, 'utf8')) as T;
  const edited = processOf(content);
  if (edited?.capabilities === undefined) return;
  const allowed = bounded();
  for (const [set, names] of Object.entries(edited.capabilities))
    edited.capabilities[set] = names.filter((name) => allowed.has(name));
  writeFileSync(file, JSON.stringify(content));
}

function bounded(): ReadonlySet<string> {
  const mask = /^CapBnd:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const bits = BigInt(`0x${mask}`);
  return new Set(capabilities.filter((_, bit) => (bits >> BigInt(bit)) & 1n).map((name) => `CAP_${name}`));
}
