// Every secret that is asked for, from one throw-away authority: certificates for names that are about keys, roots for
// names that are about those whom to trust.
import type { MessageOf } from '../../../src/xds/generated/messages.ts';
import type { SecretSource } from '../../../src/model/external/secret-source.ts';

import { createRoot, openAuthority } from '../../../src/ca/authority.ts';
import { workloadTemplate } from '../../../src/ca/certificate/template.ts';
import { resourceTypes } from '../../../src/model/envoy/resource.ts';

type Secret = MessageOf['envoy.extensions.transport_sockets.tls.v3.Secret'];

const day = 24 * 3600 * 1000;
const now = Date.now();
const authority = await openAuthority(await createRoot('cluster.local', now, day));
const identity = { trustDomain: 'cluster.local', namespace: 'any', serviceAccount: 'any' };
const names = { workload: 'any', app: 'any', version: 'any', namespace: 'any' };
const { certificate, privateKey } = await authority.issue(workloadTemplate(identity, names, now, day));

const isTrust = (name: string): boolean => /^ROOTCA$|^file-root:|-cacert$/.test(name);

const content = (name: string): Secret =>
  isTrust(name)
    ? { validation_context: { trusted_ca: { inline_string: authority.roots } } }
    : {
        tls_certificate: {
          certificate_chain: { inline_string: certificate },
          private_key: { inline_string: privateKey },
        },
      };

export const anySecret: SecretSource = {
  watch: (_workload, name, onChange) =>
    onChange({ type: resourceTypes.secret, name, message: { name, ...content(name) } }),
};
