// What holds for this control plane as a whole: its features, as its environment asks for them, and Envoy's messages.
import { features } from './config.ts';
import type { Installation } from './translate/resolve/mesh-settings.ts';
import { installationWith } from './translate/resolve/mesh-settings.ts';
import { messageTypes } from './xds/codec/message-types.ts';

export const installation = (): Installation => installationWith(features(), messageTypes);
