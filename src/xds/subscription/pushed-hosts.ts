// Route configurations as a proxy gets them that takes virtual hosts one by one: without their virtual hosts, which are
// resources of their own. So a changed rule costs one virtual host, and not all the others of its port once more.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/vhds
import type { Configuration, Layer, NodeInfo, Resource } from '../../model/envoy/resource.ts';
import { layer } from '../../model/envoy/layer.ts';
import { nextLayer } from '../../model/envoy/next-layer.ts';
import { memo, memoEach, sharedValue } from '../../model/memo.ts';

/** Whether a proxy says that it takes them so. */
export const takesHosts = ({ metadata }: NodeInfo): boolean => metadata['ROUTE_DELIVERY'] === 'virtual-hosts';

/** The same, delivered that way; as it is where virtual hosts are asked for one by one already. Its layers are shared, it is not. */
export const withPushedHosts = (configuration: Configuration): Configuration =>
  configuration.virtualHost.length > 0 ? configuration : { ...configuration, ...dividedLayers(configuration.route) };

/** The same lists as long as the routes are the same, whatever else changes. */
const dividedLayers = memo((layers: readonly Layer[]): Pick<Configuration, 'route' | 'virtualHost'> => {
  const divided = layers.map((each) => divide(each));
  return { route: divided.map(({ routes }) => routes), virtualHost: divided.flatMap(({ hosts }) => hosts) };
});

/** The route configuration that a virtual host belongs to. */
export const routeOf = (virtualHost: string): string => virtualHost.slice(0, Math.max(virtualHost.lastIndexOf('/'), 0));

interface Divided {
  readonly routes: Layer;
  /** One for each route configuration, so that a change of one is not looked for in the others. */
  readonly hosts: readonly Layer[];
}

const divide = memo(({ scope, resources }: Layer): Divided => {
  const all = [...resources.values()];
  const divisible = all.filter((one) => isDivisible(scope, one));
  const left = new Set(divisible);
  return {
    routes: layer(
      scope,
      all.map((one) => (left.has(one) ? withoutHosts(one) : one)),
    ),
    hosts: divisible.map(({ name, parts }) => hostLayer(parts?.resources ?? [], `${scope}|${name}`)),
  };
});

/** Envoy finds the route configuration of a virtual host by the resource's name: all before its last slash. */
const isDivisible = (scope: string, { name, parts }: Resource): boolean =>
  parts?.field === 'virtual_hosts' && areNamedAfter(name, hostNames(`${scope}|${name}`, parts.resources));

/** The same list as long as there are the same. */
const hostNames = memoEach((_scope: string, { name }: Resource): string => name);

const areNamedAfter = memo(
  (route: string, names: readonly string[]): boolean =>
    names.length > 1 && new Set(names).size === names.length && names.every((each) => routeOf(each) === route),
);

const withoutHosts = ({ type, name, message }: Resource): Resource =>
  sharedValue({ type, name, message: { ...message, vhds: { config_source: ads } } });

/** Without hosts nothing would be served rightly: a new listener waits for them. */
const ads = { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' };

const hostLayer = (hosts: readonly Resource[], scope: string): Layer =>
  nextLayer(['virtual hosts'], scope, namedHosts(scope, hosts));

const namedHosts = memoEach((_scope: string, host: Resource): readonly Resource[] => [named(host)]);

/** The virtual host's name is the resource's: Envoy finds what it is to remove by it. */
const named = memo((host: Resource): Resource => ({ ...host, message: { ...host.message, name: host.name } }));
