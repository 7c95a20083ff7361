// The Envoy that Pods get unless somebody names another one: the upstream image as it is.
// https://www.envoyproxy.io/docs/envoy/latest/start/install#pre-built-images

export const stockImage = 'docker.io/envoyproxy/envoy:v1.40.0';
