import { describe, expect, it, test } from 'vitest';

import type { Service } from '../../../src/model/mesh/mesh.ts';
import type { Proxy } from '../../../src/model/proxy/proxy.ts';
import { trustDomains, withAliases } from '../../../src/translate/envoy/rbac/trust-domain.ts';
import { originsOf } from '../../../src/translate/provenance.ts';
import { groupPolicies, policiesFor } from '../../../src/translate/resolve/security/policy-attachment.ts';
import { filters, matched, objects, policy } from '../../support/objects/authorization.ts';
import { makeService, makeSettings } from '../../support/objects/make.ts';
import { matchingEntries } from '../../support/kubernetes/rbac.ts';

const shears = 'spiffe://cluster.local/ns/tools/sa/shears';

describe('which policies hold for a workload', () => {
  const all = groupPolicies(
    objects(
      policy('everywhere', '{}', { namespace: 'root' }),
      policy('roses', '{selector: {matchLabels: {app: rose}}}', { namespace: 'root' }),
      policy('b-own', '{}'),
      policy('a-own', '{selector: {matchLabels: {app: rose}}}'),
      policy('gateway', '{targetRef: {kind: Gateway, group: gateway.networking.k8s.io, name: gate}}'),
      policy('pond', "{targetRefs: [{kind: Service, group: '', name: pond}]}"),
      policy('a-class', '{targetRefs: [{kind: GatewayClass, group: gateway.networking.k8s.io, name: istio-waypoint}]}'),
      policy(
        'every-waypoint',
        '{targetRefs: [{kind: GatewayClass, group: gateway.networking.k8s.io, name: istio-waypoint}]}',
        { namespace: 'root' },
      ),
      policy('elsewhere', '{}', { namespace: 'meadow' }),
    ),
  );
  const found = (labels: Record<string, string>, type: Proxy['type'] = 'sidecar', own = 'garden') =>
    policiesFor(all, ['root', own], { type, namespace: own, labels }, 'root');
  const names = (...asked: Parameters<typeof found>) => found(...asked).map(({ metadata }) => metadata.name);
  const gate = { app: 'gate', 'gateway.networking.k8s.io/gateway-name': 'gate' };

  it('is decided by namespace and labels; targets are not for sidecars', () => {
    expect(names({ app: 'rose' })).toEqual(['everywhere', 'roses', 'a-own', 'b-own']);
    expect(names({ app: 'oak' })).toEqual(['everywhere', 'b-own']);
  });

  it('is the same list for the same policies', () => {
    expect(found({ app: 'oak' })).toBe(found({ app: 'elm' }));
  });

  it('counts policies of the root namespace once for its own workloads', () => {
    expect(names({}, 'sidecar', 'root')).toEqual(['everywhere']);
  });

  it('adds those that name the Gateway which a router belongs to', () => {
    expect(names(gate, 'router')).toEqual(['everywhere', 'b-own', 'gateway']);
  });

  it('is by target only at a waypoint: its Gateway, all waypoints, the service that is asked for', () => {
    const service = makeService({ name: 'pond', namespace: 'garden' });
    const way = { type: 'waypoint', namespace: 'garden', labels: gate } as const;
    const at = (served?: Service) =>
      policiesFor(all, ['root', 'garden'], way, 'root', served).map(({ metadata }) => metadata.name);
    expect(at()).toEqual(['every-waypoint', 'gateway']);
    expect(at(service)).toEqual(['every-waypoint', 'gateway', 'pond']);
    expect(at(makeService({ name: 'pond', namespace: 'meadow' }))).toEqual(['every-waypoint', 'gateway']);
  });
});

describe('filters by action', () => {
  it('are AUDIT, DENY, ALLOW, each only with policies of its action', () => {
    const { http, tcp } = filters([
      policy('allow', '{rules: [{}]}'),
      policy('deny', '{action: DENY, rules: [{}]}'),
      policy('audit', '{action: AUDIT, rules: [{}]}'),
    ]);
    expect(http.map(({ rules }) => rules?.action)).toEqual(['LOG', 'DENY', 'ALLOW']);
    expect(tcp.map(({ rules }) => rules?.action)).toEqual(['LOG', 'DENY', 'ALLOW']);
    expect(filters([policy('deny', '{action: DENY, rules: [{}]}')]).http).toHaveLength(1);
  });

  it('name entries by namespace, policy and rule', () => {
    const [filter] = filters([policy('two', '{rules: [{}, {}]}')]).http;
    expect(Object.keys(filter?.rules?.policies ?? {})).toEqual([
      'ns[garden]-policy[two]-rule[0]',
      'ns[garden]-policy[two]-rule[1]',
    ]);
  });

  it('of a policy without rules match nothing: an ALLOW lets nothing through', () => {
    expect(matched(policy('nobody', '{}'), { path: '/', identity: shears })).toEqual([]);
    expect(matched(policy('everybody', '{rules: [{}]}'), {})).toEqual(['ns[garden]-policy[everybody]-rule[0]']);
  });

  it.each([
    ['ALLOW', 'istio_dry_run_allow_'],
    ['DENY', 'istio_dry_run_deny_'],
  ])('of a dry run of %s are shadow rules', (action, prefix) => {
    const [dry, ...others] = filters([
      policy('dry', `{action: ${action}, rules: [{}]}`, { annotations: '{istio.io/dry-run: "true"}' }),
    ]).http;
    expect(others).toEqual([]);
    expect(dry?.rules).toBeUndefined();
    expect(dry?.shadow_rules?.action).toBe(action);
    expect(dry?.shadow_rules_stat_prefix).toBe(prefix);
  });

  it('keep the enforced policies beside a dry run', () => {
    const [both] = filters([
      policy('dry', '{action: DENY, rules: [{}]}', { annotations: '{istio.io/dry-run: "true"}' }),
      policy('real', '{action: DENY, rules: [{}]}'),
    ]).http;
    expect(Object.keys(both?.rules?.policies ?? {})).toEqual(['ns[garden]-policy[real]-rule[0]']);
    expect(Object.keys(both?.shadow_rules?.policies ?? {})).toEqual(['ns[garden]-policy[dry]-rule[0]']);
  });
});

describe('on plain connections', () => {
  const http = "{to: [{operation: {ports: ['7070']}}, {operation: {paths: [/weed]}}]}";
  const l4 = "{to: [{operation: {ports: ['7070']}}]}";

  it('an ALLOW rule that looks at HTTP is left out, and the filter stays', () => {
    const [allow] = filters([policy('p', `{rules: [${http}]}`)]).tcp;
    expect([allow?.rules?.action, allow?.rules?.policies]).toEqual(['ALLOW', {}]);
    // Nobody gets through any more, and whose doing that is can be told.
    expect(originsOf(allow?.rules).get('policies')).toMatchObject([{ kind: 'AuthorizationPolicy', name: 'p' }]);
    expect(Object.keys(filters([policy('p', `{rules: [${http}, ${l4}]}`)]).tcp[0]?.rules?.policies ?? {})).toEqual([
      'ns[garden]-policy[p]-rule[1]',
    ]);
  });

  it.each(['DENY', 'AUDIT'])('a %s rule does without, and matches more', (action) => {
    const [filter] = filters([
      policy('p', `{action: ${action}, rules: [{to: [{operation: {methods: [DELETE]}}]}]}`),
    ]).tcp;
    expect(matchingEntries(filter?.rules ?? {}, { port: 1 })).toHaveLength(1);
  });

  it('have a statistics prefix', () => {
    expect((filters([policy('p', '{rules: [{}]}')]).tcp[0] as { stat_prefix?: string }).stat_prefix).toBe('tcp.');
  });
});

describe('trust domains', () => {
  const domains = trustDomains(
    makeSettings({ trustDomain: 'new.example', trustDomainAliases: ['z.example', 'old.example', 'new.example'] }),
  );

  it('are the own one, then the aliases by name, each once', () => {
    expect(domains).toEqual(['new.example', 'old.example', 'z.example']);
  });

  test.each([
    ['of the mesh', 'old.example/ns/a/sa/b', ['new.example/ns/a/sa/b', 'old.example/ns/a/sa/b', 'z.example/ns/a/sa/b']],
    [
      'cluster.local',
      'cluster.local/ns/a/sa/b',
      ['new.example/ns/a/sa/b', 'old.example/ns/a/sa/b', 'z.example/ns/a/sa/b'],
    ],
    ['of others', 'far.example/ns/a/sa/b', ['far.example/ns/a/sa/b']],
    ['any', '*/ns/a/sa/b', ['*/ns/a/sa/b']],
    ['by pattern', '*ld.example/ns/a/sa/b', ['new.example/ns/a/sa/b', '*ld.example/ns/a/sa/b', 'z.example/ns/a/sa/b']],
    ['that is no whole identity', 'old.example/ns/a/*', ['old.example/ns/a/*']],
  ])('%s', (_, principal, expected) => {
    expect(withAliases([principal], domains)).toEqual(expected);
  });
});
