// `keelson ca`: the authority that a state directory holds, and the request for a new root, which the running daemon takes
// up.
import type { Io } from './io.ts';

import { parseArgs } from 'node:util';

import { expiry } from '../ca/root/expiry.ts';
import { trustedRoots } from '../ca/root/root-rotation.ts';
import type { AuthorityStore, SavedAuthority } from '../ca/store/authority-store.ts';
import { directoryStore } from '../ca/store/storage.ts';
import { defaultStateDirectory } from '../config.ts';
import { authorityStore } from '../daemon/authority/authority.ts';
import { openKubernetesClient } from '../kubernetes/client.ts';
import { exit, table, UsageError } from './io.ts';

const help = `Shows the authority of a daemon, or rotates its root.

Usage: keelson ca status [OPTIONS] [--json]
       keelson ca rotate [OPTIONS]

  --state DIR        the daemon's state (${defaultStateDirectory()})
  --cluster          instead: the authority that a cluster keeps (as kubectl finds it)
  --kubeconfig FILE, --context NAME  likewise, of that cluster
  --namespace NAME   where it is kept there (istio-system)
  --json             print JSON

A rotation gives the new root to every proxy, waits until all have accepted it, lets its key sign, waits until every
certificate is replaced, and takes the old root away. It goes on by itself, over restarts of the daemon as well.
`;

const options = {
  state: { type: 'string' },
  cluster: { type: 'boolean' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  namespace: { type: 'string', default: 'istio-system' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Throws UsageError for wrong use; a directory without a usable authority is told with exit code 1. */
export async function ca(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  if (values.help === true) return (io.stdout(help), exit.fine);
  const [action, ...more] = positionals;
  if ((action !== 'status' && action !== 'rotate') || more.length > 0)
    throw new UsageError("say 'keelson ca status' or 'keelson ca rotate'");
  const { place, store, close } = await openStore(values);
  try {
    const saved = await store.load();
    if (saved === undefined) return refuse(io, `${place} is not the state of a daemon that has run`);
    if (action === 'rotate') return await rotate(io, store, saved);
    const requested = (await store.rotationRequest()) !== undefined;
    io.stdout(
      values.json === true ? `${JSON.stringify(report(saved, requested), undefined, 2)}\n` : text(saved, requested),
    );
    return exit.fine;
  } catch (error) {
    if (!(error instanceof Error) || !['ApiError', 'StorageError'].includes(error.name)) throw error;
    return refuse(io, error.message);
  } finally {
    await close();
  }
}

interface Place {
  readonly state?: string | undefined;
  readonly cluster?: boolean | undefined;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace: string;
}

async function openStore({ state = defaultStateDirectory(), cluster, kubeconfig, context, namespace }: Place) {
  if (cluster !== true && kubeconfig === undefined && context === undefined)
    return { place: state, store: directoryStore(state), close: () => Promise.resolve() };
  const client = await openKubernetesClient({ ...(kubeconfig && { kubeconfig }), ...(context && { context }) });
  const store = authorityStore({ config: client, state: undefined, systemNamespace: namespace });
  return { place: `what ${client.server} keeps in ${namespace}`, store, close: () => client.close() };
}

async function rotate(io: Io, store: AuthorityStore, saved: SavedAuthority): Promise<number> {
  if (saved.state.stage !== 'settled') return refuse(io, 'a rotation is under way: see keelson ca status');
  await store.requestRotation();
  io.stdout(
    'A new root is asked for; the daemon takes it up within a moment. keelson ca status tells how far it is.\n',
  );
  if (saved.state.signer.origin === 'plugged')
    io.stdout(
      'The authority is from the Secret cacerts: while that exists, only another one in its place replaces it.\n',
    );
  return exit.fine;
}

function report({ state, since, waiting }: SavedAuthority, requested: boolean) {
  const now = Date.now();
  const described = (pem: string) => {
    const { subject, notAfter, left, urgency } = expiry(pem, now);
    return {
      subject,
      notAfter: new Date(notAfter).toISOString(),
      left: Math.round(left * 100) / 100,
      ending: urgency > 0,
    };
  };
  return {
    stage: state.stage,
    since: new Date(since).toISOString(),
    origin: state.signer.origin,
    requested,
    waiting,
    signer: described(state.signer.certificate),
    ...(state.stage === 'distributing' && { next: described(state.next.certificate) }),
    roots: trustedRoots(state).map(described),
  };
}

function text(saved: SavedAuthority, requested: boolean): string {
  const { stage, since, origin, waiting, signer, next, roots } = report(saved, requested);
  const row = (what: string, { subject, notAfter, left, ending }: typeof signer): readonly string[] => [
    what,
    subject,
    notAfter,
    `${Math.round(left * 100)}%${ending ? ' rotate!' : ''}`,
  ];
  const rows = [
    row('signs', signer),
    ...(next === undefined ? [] : [row('to sign', next)]),
    ...roots.map((root) => row('trusted', root)),
  ];
  const waits = waiting.map((what) => `  waits for ${what}\n`).join('');
  const wish = requested ? '  a new root is asked for\n' : '';
  return `${stage} since ${since}, ${origin}\n${wish}${waits}${table([['', 'authority', 'ends', 'left'], ...rows])}`;
}

function refuse(io: Io, reason: string): number {
  io.stderr(`keelson ca: ${reason}\n`);
  return exit.bad;
}
