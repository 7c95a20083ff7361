#!/bin/sh
# Opens the shop in the cluster of the current kubeconfig and buys a hundred times.
set -eu
here=$(dirname "$0")

# kind-config.yaml leads these ports of the nodes to 8080 and 8443 of this machine.
kubectl -n istio-system patch service istio-ingressgateway --patch \
  '{"spec":{"ports":[{"port":80,"nodePort":30080},{"port":443,"nodePort":30443}]}}'
kubectl apply -f "$here/shop.yaml"
for deployment in store-v1 store-v2 buyer; do
  kubectl -n shop rollout status "deployment/$deployment" --timeout=300s
done
kubectl -n shop wait --for=condition=Programmed virtualservice/store virtualservice/door --timeout=300s
kubectl -n istio-system rollout status deployment/istio-ingressgateway --timeout=300s

echo 'A hundred requests, by the version that answered:'
kubectl -n shop exec deployment/buyer -c buyer -- \
  sh -c 'for i in $(seq 100); do curl --silent --show-error --max-time 5 http://store/; done' | sort | uniq -c
echo 'The same from this machine, through the gateway:'
for _ in $(seq 100); do curl --silent --show-error --max-time 5 http://127.0.0.1:8080/; done | sort | uniq -c
echo 'And from outside the mesh, which STRICT mutual TLS keeps out:'
kubectl -n default run stranger --rm --attach --restart=Never --quiet --image=curlimages/curl:8.10.1 --command -- \
  curl --silent --show-error --max-time 5 http://store.shop/ || true
