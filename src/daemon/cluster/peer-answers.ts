// What all replicas know of their proxies, asked of the others when somebody asks this one. One that does not answer in
// time is named; what is asked in quick succession is asked once.
import type { Client } from '@grpc/grpc-js';

import type { PeerReplica } from '../../controllers/replica-leases.ts';
import type { NodeInfo } from '../../model/envoy/resource.ts';
import type { TlsIdentity } from '../../model/external/secret-source.ts';
import { peerClient } from './peer-client.ts';
import type { AskPeers, PeerAnswers, ReplicaAnswer, ReplicaQuestion } from '../../model/proxy/replica.ts';
import { noPeers } from '../../model/proxy/replica.ts';
import { replicaServiceDefinition } from './replica-service.ts';

export interface PeerAnswersOptions {
  /** The other replicas that are alive, by name. */
  readonly peers: () => ReadonlyMap<string, PeerReplica>;
  /** What this replica shows to the others. */
  readonly identity: () => Promise<TlsIdentity>;
  /** A name in the certificate of every replica. */
  readonly serverName: string;
  readonly patienceMs?: number;
  readonly shareMs?: number;
}

export function peerAnswers(options: PeerAnswersOptions): AskPeers {
  const { peers, shareMs = 1000 } = options;
  const nodes = new KnownNodes();
  let shared: { readonly question: ReplicaQuestion; readonly said: Promise<PeerAnswers>; until: number } | undefined;
  return (question) => {
    if (peers().size === 0) return Promise.resolve(noPeers);
    const isFresh = shared !== undefined && performance.now() < shared.until && isAnswered(question, shared.question);
    if (shared !== undefined && isFresh) return shared.said;
    const said = askAll(options, question).then((answered) => nodes.kept(answered));
    const own = (shared = { question, said, until: Infinity });
    // Whoever waits for the one that is not heard should not do so with every question.
    void said.then(({ silent }) => (own.until = performance.now() + (silent.length > 0 ? 5 : 1) * shareMs));
    return said;
  };
}

/** Whether the answer to another question is one to this. */
const isAnswered = ({ held, pushes, push }: ReplicaQuestion, asked: ReplicaQuestion): boolean =>
  push !== true && (held !== true || asked.held === true) && (pushes !== true || asked.pushes === true);

async function askAll(options: PeerAnswersOptions, question: ReplicaQuestion): Promise<PeerAnswers> {
  const asked = [...options.peers()].map(async ([name, { address }]) => {
    return { name, answer: await ask(options, address, question).catch(() => undefined) };
  });
  const all = await Promise.all(asked);
  return {
    answers: new Map(all.flatMap(({ name, answer }) => (answer === undefined ? [] : [[name, answer] as const]))),
    silent: all.flatMap(({ name, answer }) => (answer === undefined ? [name] : [])),
  };
}

const method = replicaServiceDefinition.Ask;

/** Rejects when there is no answer in time. */
async function ask(options: PeerAnswersOptions, address: string, question: ReplicaQuestion): Promise<ReplicaAnswer> {
  const { identity, serverName, patienceMs = 2000 } = options;
  const client = peerClient(address, await identity(), serverName);
  try {
    return await unary(client, question, Date.now() + patienceMs);
  } finally {
    client.close();
  }
}

const unary = (client: Client, question: ReplicaQuestion, deadline: number): Promise<ReplicaAnswer> =>
  new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = method;
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, question, { deadline }, (error, answer) =>
      answer === undefined ? reject(error ?? new Error('no answer')) : resolve(answer),
    );
  });

/** A proxy's node stays the same object for as long as it is connected: what follows from it is remembered by that. */
class KnownNodes {
  #nodes: ReadonlyMap<string, NodeInfo> = new Map();

  kept({ answers, silent }: PeerAnswers): PeerAnswers {
    const nodes = new Map<string, NodeInfo>();
    const kept = [...answers].map(([replica, answer]) => {
      const proxies = answer.proxies.map((status) => {
        const key = `${replica} ${status.connection} ${status.connectedSince}`;
        const node = this.#nodes.get(key) ?? status.node;
        nodes.set(key, node);
        return { ...status, node };
      });
      return [replica, { ...answer, proxies }] as const;
    });
    this.#nodes = nodes;
    return { answers: new Map(kept), silent };
  }
}
