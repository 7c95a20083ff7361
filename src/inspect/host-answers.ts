// Who answers for a host at one proxy, by whose word, and what lost or keeps the host away.
import type { DecodedResource } from '../model/envoy/decoded.ts';
import type { Problem } from '../model/problem.ts';
import { distinct } from '../model/problem.ts';
import type { SourceRef } from '../model/source.ts';
import { describeSource } from '../model/source.ts';
import type { MeshReader } from './mesh-reader.ts';

export interface HostAnswer {
  /** The route configuration. */
  readonly route: string;
  readonly virtualHost: string;
  readonly causes: readonly SourceRef[];
}

export interface HostAnswers {
  readonly answers: readonly HostAnswer[];
  readonly problems: readonly Problem[];
}

/** `host` as a client writes it: `store`, `store.shop:8080`, `api.example.com`. */
export async function hostAnswers(mesh: MeshReader, proxy: string, host: string): Promise<HostAnswers> {
  const [{ node, resources }, conflicts] = await Promise.all([mesh.read(proxy), mesh.conflicts(proxy)]);
  const answers = [...resources.route, ...resources.virtualHost].flatMap((resource) => hostsOf(resource, host));
  const objects = new Set(answers.flatMap(({ causes }) => causes.map(keyOf)));
  // `store.shop.svc.cluster.local:80`
  const names = new Set([host, ...answers.map(({ virtualHost }) => virtualHost.replace(/:\d+$/, ''))]);
  const isAbout = ({ source, message }: Problem): boolean =>
    (source !== undefined && objects.has(keyOf(source))) || message.split(/[\s:,"]+/).some((word) => names.has(word));
  // Gateways know the hosts of their servers, and no others.
  const away = node.id.startsWith('router~') ? [] : await mesh.hostProblems(proxy, host);
  return { answers, problems: distinct([...away, ...[...mesh.problems, ...conflicts].filter(isAbout)]) };
}

const keyOf = ({ kind, namespace, name }: SourceRef): string => `${kind}/${namespace}/${name}`;

interface VirtualHost {
  readonly name?: string;
  readonly domains?: readonly string[];
}

function hostsOf(resource: DecodedResource, host: string): readonly HostAnswer[] {
  const inside = (resource.message['virtual_hosts'] ?? []) as readonly VirtualHost[];
  const own = Array.isArray(resource.message['domains']) ? [resource.message as VirtualHost] : [];
  return [
    ...inside.map((each, i) => ({ each, field: `virtual_hosts[${i}]` })),
    ...own.map((each) => ({ each, field: '' })),
  ]
    .filter(({ each: { domains = [] } }) => domains.includes(host))
    .map(({ each, field }) => {
      const origins = Object.entries(resource.origins).flatMap(([path, sources]) =>
        path === field || path.startsWith(`${field}.`) || field === '' ? sources : [],
      );
      const causes = [...new Map(origins.map((source) => [describeSource(source), source])).values()];
      return { route: resource.name, virtualHost: each.name ?? '', causes };
    });
}
