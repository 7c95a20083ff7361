// What the commands without a daemon share: objects from files, and the nodes of the proxies asked about.
import { readFile } from 'node:fs/promises';

import type { NodeInfo } from '../../model/envoy/resource.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { objectKey } from '../../model/object.ts';
import type { LoadedConfig } from '../../watchers/files/load-config.ts';
import { loadConfig } from '../../watchers/files/load-config.ts';
import { findMessage } from '../../xds/codec/descriptors.ts';
import { UsageError } from '../io.ts';
import { nodeOfPod } from './node-of-pod.ts';

/** Reads files as admission does, Envoy's own messages included. */
export const loadFiles = (paths: readonly string[]): Promise<LoadedConfig> => loadConfig(paths, { findMessage });

/** The node of `pod.namespace`, made from that Pod's object as its bootstrap would make it. */
export function nodeOfProxy(name: string, snapshot: Snapshot): NodeInfo {
  const dot = name.lastIndexOf('.');
  const pod = dot < 0 ? undefined : snapshot.objects.Pod.get(objectKey(name.slice(dot + 1), name.slice(0, dot)));
  if (pod === undefined) {
    const known = [...snapshot.objects.Pod.values()]
      .map((object) => `${object.metadata.name}.${object.metadata.namespace}`)
      .slice(0, 10);
    throw new UsageError(
      `there is no Pod '${name}' in the configuration; write pod.namespace${known.length === 0 ? '' : `, for example ${known.join(', ')}`}`,
    );
  }
  const node = nodeOfPod(pod, snapshot);
  if (node === undefined) throw new UsageError(`the Pod '${name}' has no address; give it one in status.podIP`);
  return node;
}

/** A node as Envoy's bootstrap has it: JSON with id, cluster, metadata and locality. */
export async function nodeFromFile(file: string): Promise<NodeInfo> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new UsageError(`cannot read the node file ${file}: ${error.message}`);
  });
  const node = parseJson(text, file) as Partial<NodeInfo> | null;
  if (typeof node !== 'object' || node === null || typeof node.id !== 'string')
    throw new UsageError(`${file} is no node: it has no "id"`);
  return { ...node, id: node.id, cluster: node.cluster ?? '', metadata: node.metadata ?? {} };
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} is not JSON: ${(error as Error).message}`);
  }
}

/** The third part of the node id up to its namespace: the Pod's name, which names its output folder. */
export function podName(node: NodeInfo): string {
  const id = node.id.split('~')[2] ?? node.id;
  const dot = id.lastIndexOf('.');
  return dot < 0 ? id : id.slice(0, dot);
}
